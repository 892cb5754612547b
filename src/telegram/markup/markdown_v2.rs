//! Telegram's `MarkdownV2`: entities can be nested, and every reserved character that is no markup must be escaped
//! (`parse_markdown_v2`).

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

/// The text without its markup.
pub(super) fn plain(markdown: &str) -> Result<String, String> {
    let mut text = String::with_capacity(markdown.len());
    let mut open: Vec<(Kind, usize)> = Vec::new();
    let mut rest = markdown;
    let mut at_line_start = true;
    while let Some(c) = rest.chars().next() {
        let at = markdown.len() - rest.len();
        let inner = open.last().map(|(kind, _)| *kind);
        let in_code = inner.is_some_and(Kind::is_code);
        let line_start = std::mem::replace(&mut at_line_start, c == '\n');
        let escaped = rest.strip_prefix('\\').and_then(|rest| rest.chars().next());
        let escaped = escaped.filter(|next| ('\u{1}'..='\u{7e}').contains(next));
        if let Some(escaped) = escaped {
            text.push(escaped);
            rest = &rest[2..];
        } else if (in_code && c != '`') || !RESERVED.contains(c) {
            text.push(c);
            rest = &rest[c.len_utf8()..];
        } else if let Some(kind) = inner.filter(|kind| *kind != Kind::BlockQuote && kind.ends(rest)) {
            open.pop();
            rest = &rest[kind.end().len()..];
            if matches!(kind, Kind::TextUrl | Kind::CustomEmoji) {
                rest = without_url(rest, markdown.len() - rest.len(), kind)?;
            }
        } else if c == '\n' {
            text.push(c);
            rest = &rest[1..];
            // A quotation continues if the next line begins with its mark.
            if open.iter().any(|(kind, _)| *kind == Kind::BlockQuote) {
                match rest.strip_prefix('>') {
                    Some(more) => rest = more,
                    None => drop(open.pop_if(|(kind, _)| *kind == Kind::BlockQuote)),
                }
            }
        } else if c == '>' && line_start && !open.iter().any(|(kind, _)| *kind == Kind::BlockQuote) {
            open.push((Kind::BlockQuote, at));
            rest = &rest[1..];
        } else if let Some((kind, mark)) = Kind::begins(rest).filter(|_| !in_code) {
            // `||` at the end of a line ends an expandable quotation and starts no spoiler.
            let cut = inner == Some(Kind::BlockQuote) && kind == Kind::Spoiler && ends_line(&rest[2..]);
            if !cut {
                open.push((kind, at));
            }
            rest = &rest[mark.len()..];
        } else {
            return Err(format!("Character '{c}' is reserved and must be escaped with the preceding '\\'"));
        }
    }
    match open.into_iter().rev().find(|(kind, _)| *kind != Kind::BlockQuote) {
        Some((kind, at)) => Err(format!("Can't find end of {kind:?} entity at byte offset {at}")),
        None => Ok(text),
    }
}

fn ends_line(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('\n')
}

/// The text after the `(url)` of a link. A link may have no URL, a custom emoji must have one.
fn without_url(rest: &str, at: usize, kind: Kind) -> Result<&str, String> {
    let Some(url) = rest.strip_prefix('(') else {
        if kind == Kind::CustomEmoji {
            return Err(format!("Custom emoji entity must contain a tg://emoji URL at byte offset {at}"));
        }
        return Ok(rest);
    };
    let mut is_escaped = false;
    for (length, c) in url.char_indices() {
        match c {
            ')' if !is_escaped => return Ok(&url[length + 1..]),
            _ => is_escaped = c == '\\' && !is_escaped,
        }
    }
    let what = if kind == Kind::CustomEmoji { "a custom emoji" } else { "a" };
    Err(format!("Can't find end of {what} URL at byte offset {}", at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_remains_without_its_markup() {
        for (markdown, text) in [
            ("*a _b_ __c__* ~d~ ||e|| `f.` [g](https://h.org/\\)) \\!", "a b c d e f. g !"),
            ("```rust\nlet a = [1];\n```", "rust\nlet a = [1];\n"),
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
