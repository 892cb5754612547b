//! Telegram's HTML (`MessageEntity.cpp`: `do_parse_html`).

use super::formatted::{Formatted, Writer};

/// The elements that Telegram supports.
const KNOWN: [&str; 16] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// An open element.
struct Open {
    name: String,
    /// Where its text begins, in UTF-16 units and in bytes.
    start: (usize, usize),
    /// The attribute that decides what it is.
    attribute: Option<String>,
}

/// The text without its markup, and its entities.
pub(super) fn parse(html: &str) -> Result<Formatted, String> {
    let mut text = Writer::default();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        let offset = html.len() - rest.len() + at;
        rest = &rest[at..];
        if rest.starts_with('&') {
            let (char, length) = entity(rest).unwrap_or(('&', 1));
            text.push(char);
            rest = &rest[length..];
            continue;
        }
        let end = rest.find('>').ok_or_else(|| format!("Unclosed start tag at byte offset {offset}"))?;
        let tag = &rest[1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let element = open.pop().ok_or_else(|| format!("Unexpected end tag at byte offset {offset}"))?;
            let (name, expected) = (name.trim(), &element.name);
            if !name.is_empty() && !name.eq_ignore_ascii_case(expected) {
                return Err(format!(
                    "Unmatched end tag at byte offset {offset}, expected \"</{expected}>\", found \"</{name}>\""
                ));
            }
            close(&mut text, element, open.last().is_some_and(|outer| outer.name == "pre"));
        } else {
            let name = tag.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("Unsupported start tag \"{name}\" at byte offset {offset}"));
            }
            let attribute = match name.as_str() {
                "a" => attribute(tag, "href"),
                "code" | "span" => attribute(tag, "class"),
                "tg-emoji" => attribute(tag, "emoji-id"),
                // This attribute has no value.
                "blockquote" => tag.to_ascii_lowercase().contains(" expandable").then(String::new),
                _ => None,
            };
            if name == "span" && attribute.as_deref() != Some("tg-spoiler") {
                return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {offset}"));
            }
            open.push(Open { name, start: (text.position(), text.bytes()), attribute });
        }
    }
    text.push_str(rest);
    match open.pop() {
        Some(Open { name, .. }) => Err(format!("Can't find end tag corresponding to start tag \"{name}\"")),
        None => Ok(text.finish()),
    }
}

/// Marks the entity of an element that ends here.
fn close(text: &mut Writer, element: Open, is_in_pre: bool) {
    let Open { name, start: (start, start_byte), attribute } = element;
    let kind = match name.as_str() {
        "b" | "strong" => "bold",
        "i" | "em" => "italic",
        "s" | "strike" | "del" => "strikethrough",
        "u" | "ins" => "underline",
        "tg-spoiler" | "span" => "spoiler",
        "pre" => "pre",
        "code" => "code",
        "blockquote" if attribute.is_some() => "expandable_blockquote",
        "blockquote" => "blockquote",
        "tg-emoji" => "custom_emoji",
        _ => {
            let url = attribute.filter(|url| !url.is_empty()).unwrap_or_else(|| text.text_from(start_byte).to_owned());
            return text.mark("text_link", start, Some(url));
        }
    };
    // The code of a code block names its language, and is no entity of its own.
    if kind == "code" && is_in_pre {
        let language = attribute.and_then(|class| class.strip_prefix("language-").map(str::to_owned));
        return text.mark("code", start, language);
    }
    if kind == "pre" {
        let inner = text.last_at(start).filter(|inner| inner.kind == "code");
        if let Some(inner) = inner {
            inner.kind = "pre";
            return;
        }
    }
    text.mark(kind, start, attribute.filter(|_| kind == "custom_emoji"));
}

/// The value of an attribute in a start tag.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut rest = tag.split_once(|c: char| c.is_ascii_whitespace())?.1;
    while let Some((key, value)) = rest.split_once('=') {
        let value = value.trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote)?,
            _ => value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())),
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(unescaped(value));
        }
        rest = after;
    }
    None
}

/// The value without HTML entities.
fn unescaped(mut value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    while let Some(at) = value.find('&') {
        text.push_str(&value[..at]);
        let (char, length) = entity(&value[at..]).unwrap_or(('&', 1));
        text.push(char);
        value = &value[at + length..];
    }
    text + value
}

/// The character of an entity, and the length of the entity in bytes.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.find(';').filter(|end| *end <= 12)?;
    let char = match &text[1..end] {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        name => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((char, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(html: &str) -> Result<String, String> {
        parse(html).map(|formatted| formatted.text)
    }

    #[test]
    fn each_element_is_an_entity_in_utf16_units() {
        let entities = |html: &str| -> Vec<(&str, usize, usize, Option<String>)> {
            let formatted = parse(html).unwrap();
            formatted.entities.into_iter().map(|it| (it.kind, it.offset, it.length, it.detail)).collect()
        };
        assert_eq!(entities("\u{1f514} <b>a<i>b</i></b>"), [("italic", 4, 1, None), ("bold", 3, 2, None)]);
        let link = "<a href=\"https://a.example/?b=1&amp;c\">x</a><a>y.example</a>";
        assert_eq!(
            entities(link),
            [
                ("text_link", 0, 1, Some("https://a.example/?b=1&c".to_owned())),
                ("text_link", 1, 9, Some("y.example".to_owned()))
            ]
        );
        assert_eq!(
            entities("<pre><code class=\"language-rust\">a</code></pre><pre>b</pre><code>c</code>"),
            [("pre", 0, 1, Some("rust".to_owned())), ("pre", 1, 1, None), ("code", 2, 1, None)]
        );
        assert_eq!(
            entities("<blockquote expandable>a</blockquote><span class='tg-spoiler'>b</span><u></u>"),
            [("expandable_blockquote", 0, 1, None), ("spoiler", 1, 1, None)]
        );
    }

    #[test]
    fn the_text_remains_without_its_markup() {
        assert_eq!(plain("<b>a <i>b</i></b> &amp; &#33;&#x21; &copy; & c").unwrap(), "a b & !! &copy; & c");
        assert_eq!(plain("<a href=\"https://example.org\">x</a>").unwrap(), "x");
    }

    #[test]
    fn unsupported_markup_is_refused() {
        assert_eq!(plain("a <br>").unwrap_err(), "Unsupported start tag \"br\" at byte offset 2");
        assert_eq!(plain("<b>a").unwrap_err(), "Can't find end tag corresponding to start tag \"b\"");
        assert!(plain("<b>a</i>").unwrap_err().starts_with("Unmatched end tag at byte offset 4"));
        assert!(plain("1 < 2").unwrap_err().starts_with("Unclosed start tag"));
    }
}
