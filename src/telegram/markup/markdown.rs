//! Telegram's legacy Markdown: entities cannot be nested, and inside an entity nothing can be escaped
//! (`do_parse_markdown`).

/// The text without its markup.
pub(super) fn plain(markdown: &str) -> Result<String, String> {
    let mut text = String::with_capacity(markdown.len());
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
        text.push_str(&inside[..length]);
        rest = &inside[length + end.len()..];
        if end == "]"
            && let Some(url) = rest.strip_prefix('(')
        {
            rest = url.split_once(')').map_or("", |(_, rest)| rest);
        }
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_remains_without_its_markup() {
        for (markdown, text) in [
            ("*a* _b_ `c` [d](https://e.org) f", "a b c d f"),
            ("```rust\nx_y\n```", "rust\nx_y\n"),
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
