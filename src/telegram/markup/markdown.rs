//! Telegram's legacy Markdown: entities cannot be nested, and inside an entity nothing can be escaped
//! (`do_parse_markdown`).

use super::formatted::{Formatted, Writer, language};

/// The text without its markup, and its entities.
pub(super) fn parse(markdown: &str) -> Result<Formatted, String> {
    let mut text = Writer::default();
    let mut rest = markdown;
    while let Some(at) = rest.find(['\\', '_', '*', '`', '[']) {
        text.push_str(&rest[..at]);
        let begins_at = markdown.len() - rest.len() + at;
        rest = &rest[at..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            let is_escape = escaped.starts_with(['_', '*', '`', '[']);
            let taken = if is_escape { 2 } else { 1 };
            text.push_str(&rest[taken - 1..taken]);
            rest = &rest[taken..];
            continue;
        }
        let end = match rest.as_bytes() {
            [b'`', b'`', b'`', ..] => "```",
            [b'[', ..] => "]",
            _ => &rest[..1],
        };
        let inside = &rest[if end == "]" { 1 } else { end.len() }..];
        let length = inside
            .find(end)
            .ok_or_else(|| format!("Can't find end of the entity starting at byte offset {begins_at}"))?;
        let start = text.position();
        rest = &inside[length + end.len()..];
        let (inside, language) = if end == "```" { language(&inside[..length]) } else { (&inside[..length], None) };
        text.push_str(inside);
        match end {
            "```" => text.mark("pre", start, language),
            "`" => text.mark("code", start, None),
            "_" => text.mark("italic", start, None),
            "*" => text.mark("bold", start, None),
            _ => {
                let mut url = inside;
                if let Some(after) = rest.strip_prefix('(') {
                    (url, rest) = after.split_once(')').unwrap_or((after, ""));
                }
                text.mark("text_link", start, Some(url.to_owned()));
            }
        }
    }
    text.push_str(rest);
    Ok(text.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str) -> Result<String, String> {
        parse(markdown).map(|formatted| formatted.text)
    }

    #[test]
    fn each_mark_is_an_entity_in_utf16_units() {
        let formatted = parse("\u{1f514}*a* _b_ `c` [d](https://e.org)```rust\nf```").unwrap();
        let entities: Vec<_> = formatted.entities.iter().map(|it| (it.kind, it.offset, it.length)).collect();
        let expected = [("bold", 2, 1), ("italic", 4, 1), ("code", 6, 1), ("text_link", 8, 1), ("pre", 9, 1)];
        assert_eq!(entities, expected);
        let details: Vec<_> = formatted.entities.iter().filter_map(|it| it.detail.as_deref()).collect();
        assert_eq!(details, ["https://e.org", "rust"]);
    }

    #[test]
    fn the_text_remains_without_its_markup() {
        for (markdown, text) in [
            ("*a* _b_ `c` [d](https://e.org) f", "a b c d f"),
            ("```rust\nx_y\n```", "x_y\n"),
            ("```a```", "a"),
            (r"\*a\_ b\c", r"*a_ b\c"),
            ("[a] b", "a b"),
            (r"_a\_", r"a\"),
            ("1 < 2 & #!.-", "1 < 2 & #!.-"),
        ] {
            assert_eq!(plain(markdown).as_deref(), Ok(text), "{markdown}");
        }
    }

    #[test]
    fn an_entity_without_an_end_is_refused_with_its_position() {
        for (markdown, at) in [("snake_case", 5), ("\u{e4}*b", 2), ("[a", 0), ("``` `", 0)] {
            let expected = format!("Can't find end of the entity starting at byte offset {at}");
            assert_eq!(plain(markdown), Err(expected), "{markdown}");
        }
    }
}
