//! Telegram's HTML (`MessageEntity.cpp`: `do_parse_html`).

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

/// The text without its markup.
pub(super) fn plain(html: &str) -> Result<String, String> {
    let mut text = String::with_capacity(html.len());
    let mut open: Vec<(String, usize)> = Vec::new();
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
            let (expected, _) = open.pop().ok_or_else(|| format!("Unexpected end tag at byte offset {offset}"))?;
            let name = name.trim();
            if !name.is_empty() && !name.eq_ignore_ascii_case(&expected) {
                return Err(format!(
                    "Unmatched end tag at byte offset {offset}, expected \"</{expected}>\", found \"</{name}>\""
                ));
            }
        } else {
            let name = tag.split_ascii_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            if !KNOWN.contains(&name.as_str()) {
                return Err(format!("Unsupported start tag \"{name}\" at byte offset {offset}"));
            }
            open.push((name, offset));
        }
    }
    text.push_str(rest);
    match open.pop() {
        Some((name, _)) => Err(format!("Can't find end tag corresponding to start tag \"{name}\"")),
        None => Ok(text),
    }
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
