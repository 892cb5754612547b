use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Value, json};

use super::body::Message;
use super::markup::Markup;
use super::scope::Scope;
use super::template::{self, Template};
use crate::settings::ReplySettings;
use crate::telegram::{Call, check_button_url};

/// A reply of the settings, compiled and checked.
#[derive(Debug)]
pub(super) struct DeclaredReply {
    /// What declared it, such as `/start`. Log lines name it.
    pub(super) origin: String,
    template: Template,
    keyboard: Option<Value>,
}

/// Why a reply in the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The key in the settings, such as `command[0].reply`.
    pub key: String,
    /// What was found there.
    pub found: String,
    /// What is valid.
    pub wanted: String,
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; wanted: {}", self.key, self.found, self.wanted)
    }
}

impl DeclaredReply {
    /// Compiles a reply. The problems have keys below `key`.
    pub(super) fn new(settings: &ReplySettings, origin: String, key: &str) -> Result<Self, Vec<TemplateProblem>> {
        let parse_mode = settings.parse_mode.as_deref();
        let markup = Markup::named(parse_mode).ok_or_else(|| TemplateProblem {
            key: format!("{key}.parse_mode"),
            found: format!("`{}` is unknown", parse_mode.unwrap_or_default()),
            wanted: format!("one of {}", Markup::NAMES.join(", ")),
        });
        // A template with an unknown parse mode is checked too, so that every problem is reported at once.
        let template = Template::new(&settings.reply, *markup.as_ref().unwrap_or(&Markup::None));
        let template = template.map_err(|flaws| {
            let problem =
                |template::Flaw { found, wanted }| TemplateProblem { key: format!("{key}.reply"), found, wanted };
            flaws.into_iter().map(problem).collect::<Vec<_>>()
        });
        let urls = button_problems(settings, key);
        match (markup, template) {
            (Ok(_), Ok(template)) if urls.is_empty() => {
                let keyboard = (!settings.buttons.is_empty()).then(|| json!({ "inline_keyboard": settings.buttons }));
                Ok(Self { origin, template, keyboard })
            }
            (markup, template) => {
                Err(markup.err().into_iter().chain(template.err().unwrap_or_default()).chain(urls).collect())
            }
        }
    }

    /// The text of the reply. `None` where it would show nothing: Telegram refuses such a message. The error holds
    /// nothing of the update.
    pub(super) fn render(&self, scope: Scope) -> Result<Option<String>, minijinja::ErrorKind> {
        self.template.render(scope)
    }

    /// The call that sends `text` to the chat and topic of the message.
    pub(super) fn call(&self, message: &Message, text: String) -> Call {
        let mut call = Call::send_message(message.chat.id, text).with_origin(self.origin.clone());
        if let Some(parse_mode) = self.template.markup().parse_mode() {
            call = call.with("parse_mode", parse_mode);
        }
        if let Some(keyboard) = &self.keyboard {
            call = call.with("reply_markup", keyboard.clone());
        }
        message.with_topic(call)
    }
}

/// The buttons with a URL that Telegram refuses.
fn button_problems(settings: &ReplySettings, key: &str) -> Vec<TemplateProblem> {
    let urls = settings.buttons.iter().flatten().filter_map(|button| Some((button, button.get("url")?)));
    let refused = urls.filter_map(|(button, url)| Some((button, url, check_button_url(url).err()?)));
    let problem = |(button, url, problem): (&BTreeMap<String, String>, &String, &str)| TemplateProblem {
        key: format!("{key}.buttons"),
        found: format!("the button \"{}\" with the url `{url}`: {problem}", button["text"]),
        wanted: "a URL that Telegram takes, such as https://example.org or tg://user?id=42".to_owned(),
    };
    refused.map(problem).collect()
}
