//! Properties of replies for any text that a person can write.

use super::*;

proptest! {
    #[test]
    fn no_text_of_a_person_does_harm(written in any::<String>(), name in any::<String>(), known_bot in any::<bool>()) {
        let commands = service(if known_bot { known(&name) } else { Identity::default() });
        for chat in ["private", "group"] {
            for written in [written.clone(), format!("/start{written}"), format!("/start@{written}"), format!("/{written}")] {
                let mut message = message(chat, &written);
                message["from"]["first_name"] = json!(name);
                call(&commands, &message);
            }
        }
    }

    #[test]
    fn telegram_accepts_the_reply_to_any_text(name in "\\PC*", written in "\\PC+") {
        for (mode, template) in [
            ("HTML", "<b>{{ args }}</b> <i>{{ user.first_name }}.</i>"),
            ("MarkdownV2", r"*{{ args }}* \- __{{ user.first_name }}\.__"),
            ("Markdown", "*x* {{ args }} {{ user.first_name }}."),
        ] {
            let mut message = message("private", &written);
            message["from"]["first_name"] = json!(name);
            if let Some(text) = text(&with_markup(template, mode), &message) {
                // A backslash at the end of a value is the one thing that Markdown cannot write.
                let cannot_be_written = mode == "Markdown" && [&written, &name].iter().any(|value| value.contains('\\'));
                prop_assert!(cannot_be_written || crate::telegram::markup::visible_text(mode, &text).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn with_parse_mode_html_a_name_can_never_open_a_tag(name in any::<String>(), written in "\\PC+") {
        let template = "<a href=\"https://e.org/{{ args }}\">{{ user.first_name }}</a>{{ user.first_name | title | e }}";
        let commands = with_markup(template, "HTML");
        let mut message = message("private", &written);
        message["from"]["first_name"] = json!(name);
        let answer = text(&commands, &message).unwrap_or_else(|| "<></>".to_owned());
        prop_assert_eq!(answer.matches('<').count(), 2);
        prop_assert_eq!(answer.matches('>').count(), 2);
    }
}
