use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn each_kind_of_entity_has_its_tag() {
    let entity = |kind: &str, offset: usize, length: usize| json!({"type": kind, "offset": offset, "length": length});
    for (kind, expected) in [
        ("bold", "a <b>bc</b> d"),
        ("italic", "a <i>bc</i> d"),
        ("underline", "a <u>bc</u> d"),
        ("strikethrough", "a <s>bc</s> d"),
        ("spoiler", "a <span class=\"spoiler\" tabindex=\"0\">bc</span> d"),
        ("code", "a <code>bc</code> d"),
        ("pre", "a <code class=\"block\">bc</code> d"),
        ("blockquote", "a <blockquote>bc</blockquote> d"),
        ("bot_command", "a <button class=\"command\" form=\"say\" name=\"press\" value=\"bc\">bc</button> d"),
        ("custom_emoji", "a bc d"),
        ("unknown", "a bc d"),
    ] {
        assert_eq!(html("a bc d", &[entity(kind, 2, 2)]), expected, "{kind}");
    }
    assert_eq!(html("\u{1f514}\u{1f514} b", &[entity("bold", 5, 1)]), "\u{1f514}\u{1f514} <b>b</b>");
    assert_eq!(html("a", &[entity("bold", 0, 99), entity("bold", 7, 1)]), "<b>a</b>");
}

#[test]
fn entities_that_overlap_are_nested() {
    let entity = |kind: &str, offset: usize, length: usize| json!({"type": kind, "offset": offset, "length": length});
    assert_eq!(html("abcd", &[entity("italic", 1, 2), entity("bold", 0, 4)]), "<b>a<i>bc</i>d</b>");
    assert_eq!(html("abc", &[entity("italic", 0, 2), entity("bold", 1, 2)]), "<i>a</i><b><i>b</i>c</b>");
    assert_eq!(html("abc", &[entity("bold", 0, 2), entity("bold", 1, 2)]), "<b>ab</b><b>c</b>");
}

#[test]
fn links_lead_to_web_pages_only() {
    let link = |url: &str| html("x", &[json!({"type": "text_link", "offset": 0, "length": 1, "url": url})]);
    let expected = "<a href=\"https://a.example/?b=1&#38;c=&#39;\" rel=\"noreferrer noopener\" target=\"_blank\">x</a>";
    assert_eq!(link("https://a.example/?b=1&c='"), expected.replace("&#39;", "%27"));
    for url in ["javascript:alert(1)", "data:text/html,x", "//", "java\nscript:alert(1)", "file:///etc/passwd", ""] {
        assert_eq!(link(url), "x", "{url}");
    }
}

#[test]
fn what_people_write_is_no_markup() {
    assert_eq!(html("<script>\"'&", &[]), "&#60;script&#62;&#34;&#39;&#38;");
    assert_eq!(html("a\0b\u{7}\u{202e}c\n", &[]), "a\u{2400}b\u{2407}\u{fffd}c\n");
}

/// Whether every tag is closed in the right order, no link or button is in another, and nothing else is a tag.
fn is_well_formed(html: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let Some(end) = rest[at..].find('>') else { return false };
        let tag = &rest[at + 1..at + end];
        rest = &rest[at + end + 1..];
        let name = tag.trim_start_matches('/').split(' ').next().unwrap_or_default();
        if !["b", "i", "u", "s", "a", "code", "span", "button", "blockquote"].contains(&name) {
            return false;
        }
        if tag.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else {
            let is_link = |name: &&str| matches!(*name, "a" | "button");
            let is_first_block = name != "blockquote" || open.is_empty();
            if (is_link(&name) && open.iter().any(is_link)) || !is_first_block {
                return false;
            }
            open.push(name);
        }
    }
    open.is_empty() && !rest.contains('>')
}

fn any_entity() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(RANKS.iter().chain(&["custom_emoji", "<b>"]).copied().collect::<Vec<_>>());
    let number = prop_oneof![-2_i64..20, Just(i64::MAX), Just(i64::MIN)];
    (kind, number.clone(), number, "\\PC*", any::<bool>()).prop_map(|(kind, offset, length, text, is_web)| {
        let url = if is_web { format!("https://a.example/{text}") } else { text.clone() };
        json!({"type": kind, "offset": offset, "length": length, "url": url, "language": text})
    })
}

proptest! {
    #[test]
    fn entities_with_any_offsets_give_valid_html_with_the_whole_text(
        text in "[a<>&\"'\u{e4}\u{1f514}\u{202e}\\n /.]{0,12}",
        entities in prop::collection::vec(any_entity(), 0..8),
    ) {
        let html = html(&text, &entities);
        prop_assert!(is_well_formed(&html), "{}", html);
        let mut shown = String::new();
        for piece in html.split('<') {
            shown.push_str(piece.split_once('>').map_or(piece, |(_, after)| after));
        }
        prop_assert_eq!(shown, escaped(&text));
    }

    #[test]
    fn entities_of_any_form_do_no_harm(text in "\\PC*", kind in "\\PC*", offset in any::<i64>()) {
        let entities = [json!({"type": kind, "offset": offset}), json!({"type": "bold", "offset": "1"}), json!([]), json!(1)];
        prop_assert_eq!(html(&text, &entities), escaped(&text));
    }
}
