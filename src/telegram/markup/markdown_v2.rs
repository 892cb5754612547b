//! Telegram's `MarkdownV2`: entities can be nested, and every reserved character that is no markup must be escaped
//! (`parse_markdown_v2`).

use super::formatted::{Formatted, Writer, language};

/// An entity that can be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Code,
    Pre,
    TextUrl,
    CustomEmoji,
    BlockQuote,
}

impl Kind {
    /// The entity that begins here, and its mark.
    fn begins(rest: &str) -> Option<(Self, &'static str)> {
        // Longer marks come first.
        const MARKS: [(&str, Kind); 9] = [
            ("```", Kind::Pre),
            ("`", Kind::Code),
            ("__", Kind::Underline),
            ("_", Kind::Italic),
            ("*", Kind::Bold),
            ("~", Kind::Strikethrough),
            ("||", Kind::Spoiler),
            ("![", Kind::CustomEmoji),
            ("[", Kind::TextUrl),
        ];
        MARKS.iter().find(|(mark, _)| rest.starts_with(mark)).map(|(mark, kind)| (*kind, *mark))
    }

    /// The mark at the end. A quotation ends with its lines.
    fn end(self) -> &'static str {
        match self {
            Self::Bold => "*",
            Self::Italic => "_",
            Self::Underline => "__",
            Self::Strikethrough => "~",
            Self::Spoiler => "||",
            Self::Code => "`",
            Self::Pre => "```",
            Self::TextUrl | Self::CustomEmoji => "]",
            Self::BlockQuote => "\n",
        }
    }

    fn ends(self, rest: &str) -> bool {
        // Two underscores never end an italic text.
        rest.starts_with(self.end()) && !(self == Self::Italic && rest.starts_with("__"))
    }

    fn is_code(self) -> bool {
        matches!(self, Self::Code | Self::Pre)
    }
}

const RESERVED: &str = "_*[]()~`>#+-=|{}.!\n";

/// An open entity.
struct Open {
    kind: Kind,
    /// Where its mark is, in bytes of the markup.
    at: usize,
    /// Where its text begins, in UTF-16 units and in bytes.
    start: (usize, usize),
    language: Option<String>,
}

/// The text without its markup, and its entities.
pub(super) fn parse(markdown: &str) -> Result<Formatted, String> {
    let mut text = Writer::default();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = markdown;
    let mut at_line_start = true;
    let mut is_expandable = false;
    while let Some(c) = rest.chars().next() {
        let at = markdown.len() - rest.len();
        let inner = open.last().map(|open| open.kind);
        let in_code = inner.is_some_and(Kind::is_code);
        let line_start = std::mem::replace(&mut at_line_start, c == '\n');
        let start = (text.position(), text.bytes());
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        let escaped = escaped.filter(|next| ('\u{1}'..='\u{7e}').contains(next));
        if let Some(escaped) = escaped {
            text.push(escaped);
            rest = &rest[2..];
        } else if (in_code && c != '`') || !RESERVED.contains(c) {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        } else if let Some(ended) = open.pop_if(|open| open.kind != Kind::BlockQuote && open.kind.ends(rest)) {
            rest = &rest[ended.kind.end().len()..];
            let mut url = None;
            if matches!(ended.kind, Kind::TextUrl | Kind::CustomEmoji) {
                (rest, url) = after_url(rest, markdown.len() - rest.len(), ended.kind)?;
            }
            close(&mut text, ended, url, false);
        } else if c == '\n' {
            // A quotation continues if the next line begins with its mark.
            if let Some(quote) = open.iter().position(|open| open.kind == Kind::BlockQuote) {
                match rest[1..].strip_prefix('>') {
                    Some(_) => rest = &rest[1..],
                    None if quote + 1 == open.len() => {
                        if let Some(ended) = open.pop() {
                            close(&mut text, ended, None, is_expandable);
                        }
                        is_expandable = false;
                    }
                    None => {}
                }
            }
            text.push(c);
            rest = &rest[1..];
        } else if c == '>' && line_start && !open.iter().any(|open| open.kind == Kind::BlockQuote) {
            open.push(Open { kind: Kind::BlockQuote, at, start, language: None });
            rest = &rest[1..];
        } else if let Some((kind, mark)) = Kind::begins(rest).filter(|_| !in_code) {
            rest = &rest[mark.len()..];
            // `||` at the end of a line ends an expandable quotation and starts no spoiler.
            if inner == Some(Kind::BlockQuote) && kind == Kind::Spoiler && ends_line(rest) {
                is_expandable = true;
            } else {
                let mut named = None;
                if kind == Kind::Pre {
                    (rest, named) = language(rest);
                }
                open.push(Open { kind, at, start, language: named });
            }
        } else {
            return Err(format!("Character '{c}' is reserved and must be escaped with the preceding '\\'"));
        }
    }
    if let Some(open) = open.iter().rev().find(|open| open.kind != Kind::BlockQuote) {
        return Err(format!("Can't find end of {:?} entity at byte offset {}", open.kind, open.at));
    }
    for ended in open {
        close(&mut text, ended, None, is_expandable);
    }
    Ok(text.finish())
}

/// Marks an entity that ends here.
fn close(text: &mut Writer, ended: Open, url: Option<String>, is_expandable: bool) {
    let (start, start_byte) = ended.start;
    let (kind, detail) = match ended.kind {
        Kind::Bold => ("bold", None),
        Kind::Italic => ("italic", None),
        Kind::Underline => ("underline", None),
        Kind::Strikethrough => ("strikethrough", None),
        Kind::Spoiler => ("spoiler", None),
        Kind::Code => ("code", None),
        Kind::Pre => ("pre", ended.language),
        Kind::TextUrl => ("text_link", Some(url.unwrap_or_else(|| text.text_from(start_byte).to_owned()))),
        Kind::CustomEmoji => ("custom_emoji", url.and_then(|url| url.split_once("id=").map(|(_, id)| id.to_owned()))),
        Kind::BlockQuote if is_expandable => ("expandable_blockquote", None),
        Kind::BlockQuote => ("blockquote", None),
    };
    text.mark(kind, start, detail);
}

fn ends_line(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('\n')
}

/// The text after the `(url)` of a link, and the URL. A link may have no URL, a custom emoji must have one.
fn after_url(rest: &str, at: usize, kind: Kind) -> Result<(&str, Option<String>), String> {
    let Some(url) = rest.strip_prefix('(') else {
        if kind == Kind::CustomEmoji {
            return Err(format!("Custom emoji entity must contain a tg://emoji URL at byte offset {at}"));
        }
        return Ok((rest, None));
    };
    let mut is_escaped = false;
    let mut read = String::new();
    for (length, c) in url.char_indices() {
        if !is_escaped && c == ')' {
            return Ok((&url[length + 1..], Some(read)));
        }
        is_escaped = c == '\\' && !is_escaped;
        if !is_escaped {
            read.push(c);
        }
    }
    let what = if kind == Kind::CustomEmoji { "a custom emoji" } else { "a" };
    Err(format!("Can't find end of {what} URL at byte offset {}", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(markdown: &str) -> Result<String, String> {
        parse(markdown).map(|formatted| formatted.text)
    }

    #[test]
    fn each_mark_is_an_entity_in_utf16_units() {
        let entities = |markdown: &str| -> Vec<(&str, usize, usize, Option<String>)> {
            let formatted = parse(markdown).unwrap();
            formatted.entities.into_iter().map(|it| (it.kind, it.offset, it.length, it.detail)).collect()
        };
        assert_eq!(
            entities("\u{1f514}*a _b_* __c__ ~d~ ||e|| `f`"),
            [
                ("italic", 4, 1, None),
                ("bold", 2, 3, None),
                ("underline", 6, 1, None),
                ("strikethrough", 8, 1, None),
                ("spoiler", 10, 1, None),
                ("code", 12, 1, None)
            ]
        );
        let link = Some("https://h.org/a)b".to_owned());
        assert_eq!(entities("[g](https://h.org/a\\)b)"), [("text_link", 0, 1, link)]);
        assert_eq!(entities("```rust\na\n```"), [("pre", 0, 2, Some("rust".to_owned()))]);
        assert_eq!(entities(">a\n>b\nc"), [("blockquote", 0, 3, None)]);
        assert_eq!(entities(">a||"), [("expandable_blockquote", 0, 1, None)]);
        assert_eq!(entities("![x](tg://emoji?id=5)"), [("custom_emoji", 0, 1, Some("5".to_owned()))]);
    }

    #[test]
    fn the_text_remains_without_its_markup() {
        for (markdown, text) in [
            ("*a _b_ __c__* ~d~ ||e|| `f.` [g](https://h.org/\\)) \\!", "a b c d e f. g !"),
            ("```rust\nlet a = [1];\n```", "let a = [1];\n"),
            ("*a*b\\.", "ab."),
            (">a\n>b\nc", "a\nb\nc"),
            (">a\n>b||", "a\nb"),
            (">*a\n>b*\nc", "a\nb\nc"),
            ("a\n>*b*", "a\nb"),
            ("1 < 2 & \u{e4}\u{1f514}, \"x\": y; $ % ? @ ^ / '", "1 < 2 & \u{e4}\u{1f514}, \"x\": y; $ % ? @ ^ / '"),
            ("**", ""),
            ("![\u{1f44d}](tg://emoji?id=5)", "\u{1f44d}"),
        ] {
            assert_eq!(plain(markdown).as_deref(), Ok(text), "{markdown}");
        }
    }

    #[test]
    fn a_reserved_character_and_an_entity_without_an_end_are_refused() {
        let reserved = |c| format!("Character '{c}' is reserved and must be escaped with the preceding '\\'");
        for (markdown, problem) in [
            ("Hello!", reserved('!')),
            ("a.b", reserved('.')),
            ("a-b", reserved('-')),
            ("(a)", reserved('(')),
            ("a > b", reserved('>')),
            ("a|b", reserved('|')),
            ("a]", reserved(']')),
            ("*a", "Can't find end of Bold entity at byte offset 0".to_owned()),
            ("\u{e4}_a", "Can't find end of Italic entity at byte offset 2".to_owned()),
            ("_a__", "Can't find end of Underline entity at byte offset 2".to_owned()),
            ("`a", "Can't find end of Code entity at byte offset 0".to_owned()),
            ("[a](b", "Can't find end of a URL at byte offset 4".to_owned()),
            ("*_a*_", "Can't find end of Italic entity at byte offset 4".to_owned()),
        ] {
            assert_eq!(plain(markdown), Err(problem), "{markdown}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_text_with_every_ascii_character_escaped_is_shown_unchanged(text in "\\PC*") {
            let mut escaped = String::new();
            for c in text.chars() {
                if c.is_ascii_punctuation() {
                    escaped.push('\\');
                }
                escaped.push(c);
            }
            proptest::prop_assert_eq!(plain(&escaped), Ok(text));
        }

        #[test]
        fn no_text_does_harm(text in "[_*`~|>!\\[\\]()\\\\\n a\u{e4}]*") {
            drop(plain(&text));
        }
    }
}
