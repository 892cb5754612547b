//! Telegram's parse modes: how a text is escaped so that Telegram shows it unchanged.

use std::borrow::Cow;
use std::fmt::{self, Write};

use crate::telegram::markup::visible_text;

/// The parse mode of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Markup {
    /// Plain text.
    None,
    Html,
    Markdown,
    MarkdownV2,
}

/// The longest message, in UTF-16 units as Telegram's clients count. Telegram counts characters after it has parsed the
/// markup, and a text never has more characters than UTF-16 units.
pub(super) const MESSAGE_UTF16: usize = 4096;

impl Markup {
    /// The names of the parse modes, in Telegram's spelling.
    pub(super) const NAMES: [&str; 3] = ["HTML", "MarkdownV2", "Markdown"];

    /// The markup of a `parse_mode`. Like Telegram, it ignores the case.
    pub(super) fn named(parse_mode: Option<&str>) -> Option<Self> {
        let Some(name) = parse_mode else { return Some(Self::None) };
        [Self::Html, Self::Markdown, Self::MarkdownV2]
            .into_iter()
            .find(|markup| markup.parse_mode().is_some_and(|known| known.eq_ignore_ascii_case(name)))
    }

    /// The value of the parameter `parse_mode`.
    pub(super) fn parse_mode(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Html => Some("HTML"),
            Self::Markdown => Some("Markdown"),
            Self::MarkdownV2 => Some("MarkdownV2"),
        }
    }

    /// Writes `text` so that Telegram shows it unchanged.
    ///
    /// `Markdown` can do so only outside the entities of the template: it has no escape inside an entity, nor for a
    /// backslash at the end of `text`.
    pub(super) fn write_escaped(self, text: &str, out: &mut impl Write) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(|c| self.is_special(c)) {
            let (plain, special) = rest.split_at(at);
            out.write_str(plain)?;
            let mut following = special.chars();
            let special = following.next().unwrap_or_default();
            match (self, special) {
                (Self::Html, '<') => out.write_str("&lt;")?,
                (Self::Html, '>') => out.write_str("&gt;")?,
                (Self::Html, '&') => out.write_str("&amp;")?,
                (Self::Html, '"') => out.write_str("&quot;")?,
                (Self::Html, _) => out.write_str("&#39;")?,
                (Self::None | Self::Markdown | Self::MarkdownV2, _) => {
                    out.write_char('\\')?;
                    out.write_char(special)?;
                }
            }
            rest = following.as_str();
        }
        out.write_str(rest)
    }

    fn is_special(self, c: char) -> bool {
        match self {
            Self::None => false,
            Self::Html => matches!(c, '<' | '>' | '&' | '"' | '\''),
            Self::Markdown => matches!(c, '_' | '*' | '`' | '['),
            // MarkdownV2 allows to escape every ASCII character.
            Self::MarkdownV2 => c.is_ascii_punctuation(),
        }
    }

    /// Checks that Telegram would accept `text`.
    ///
    /// # Errors
    ///
    /// The reason of a refusal, in Telegram's words.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        visible_text(self.parse_mode().unwrap_or_default(), text).map(drop)
    }

    /// Whether `text` shows nothing. Telegram refuses such a message.
    pub(super) fn is_blank(self, text: &str) -> bool {
        match self {
            Self::None => text.trim().is_empty(),
            Self::Html => {
                let mut in_tag = false;
                text.chars().all(|c| {
                    let visible = !in_tag && c != '<' && !c.is_whitespace();
                    in_tag = if in_tag { c != '>' } else { c == '<' };
                    !visible
                })
            }
            Self::Markdown => text.chars().all(|c| c.is_whitespace() || matches!(c, '_' | '*' | '`')),
            Self::MarkdownV2 => {
                text.chars().all(|c| c.is_whitespace() || matches!(c, '_' | '*' | '`' | '~' | '|' | '>'))
            }
        }
    }
}

/// `text`, cut between two characters to at most `units` UTF-16 units. A cut text ends with an ellipsis.
pub(super) fn cut(text: &str, units: usize) -> Cow<'_, str> {
    // No text has more units than bytes.
    if text.len() <= units || utf16_units(text) <= units {
        return Cow::Borrowed(text);
    }
    let Some(mut left) = units.checked_sub(1) else { return Cow::Borrowed("") };
    let mut kept = String::new();
    for c in text.chars() {
        match left.checked_sub(c.len_utf16()) {
            Some(rest) => left = rest,
            None => break,
        }
        kept.push(c);
    }
    kept.push('…');
    Cow::Owned(kept)
}

/// The length of `text` in UTF-16 units, as Telegram's clients count.
pub(super) fn utf16_units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(markup: Markup, text: &str) -> String {
        let mut out = String::new();
        markup.write_escaped(text, &mut out).unwrap();
        out
    }

    #[test]
    fn each_parse_mode_escapes_by_its_rules() {
        let text = r#"a<b>&"c'_*`[]()~#+-=|{}.!\"#;
        for (markup, expected) in [
            (Markup::None, text),
            (Markup::Html, r"a&lt;b&gt;&amp;&quot;c&#39;_*`[]()~#+-=|{}.!\"),
            (Markup::Markdown, r#"a<b>&"c'\_\*\`\[]()~#+-=|{}.!\"#),
            (Markup::MarkdownV2, r#"a\<b\>\&\"c\'\_\*\`\[\]\(\)\~\#\+\-\=\|\{\}\.\!\\"#),
        ] {
            assert_eq!(escaped(markup, text), expected, "{markup:?}");
        }
    }

    #[test]
    fn a_parse_mode_is_accepted_in_any_case_and_sent_in_telegrams_spelling() {
        assert_eq!(Markup::named(None), Some(Markup::None));
        assert_eq!(Markup::named(Some("markdownV2")).and_then(Markup::parse_mode), Some("MarkdownV2"));
        assert_eq!(Markup::named(Some("BBCode")), None);
        assert!(Markup::NAMES.iter().all(|name| Markup::named(Some(name)).is_some()));
    }

    #[test]
    fn a_text_of_only_markup_is_blank() {
        for (markup, text) in [
            (Markup::None, " \n\t"),
            (Markup::Html, "<b> </b>\n<a href=\"x\"></a>"),
            (Markup::Markdown, "* *"),
            (Markup::MarkdownV2, "||__ __||"),
        ] {
            assert!(markup.is_blank(text), "{markup:?} {text:?}");
        }
        for (markup, text) in [
            (Markup::None, "<b></b>"),
            (Markup::Html, "<b>.</b>"),
            (Markup::Html, "&lt;"),
            (Markup::Markdown, "*x*"),
            (Markup::MarkdownV2, r"\*"),
        ] {
            assert!(!markup.is_blank(text), "{markup:?} {text:?}");
        }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        for (text, units, expected) in [
            ("abcd", 4, "abcd"),
            ("äöüß", 4, "äöüß"),
            ("abcde", 4, "abc…"),
            ("a\u{1f600}\u{1f600}", 4, "a\u{1f600}…"),
            ("\u{1f600}\u{1f600}", 2, "…"),
            ("ab", 0, ""),
            ("", 0, ""),
        ] {
            assert_eq!(cut(text, units), expected);
        }
    }

    proptest! {
        #[test]
        fn an_escaped_html_text_has_no_markup_and_shows_the_original(text in any::<String>()) {
            let html = escaped(Markup::Html, &text);
            prop_assert!(!html.contains(['<', '>', '"', '\'']));
            let read = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            prop_assert_eq!(read.replace("&amp;", "&"), text);
        }

        #[test]
        fn an_escaped_markdown_v2_text_has_no_bare_punctuation(text in any::<String>()) {
            let markdown = escaped(Markup::MarkdownV2, &text);
            let mut read = String::new();
            let mut chars = markdown.chars();
            while let Some(c) = chars.next() {
                prop_assert!(c == '\\' || !c.is_ascii_punctuation());
                read.push(if c == '\\' { chars.next().unwrap() } else { c });
            }
            prop_assert_eq!(read, text);
        }

        #[test]
        fn a_cut_text_fits(text in any::<String>(), units in 1..40_usize) {
            let cut = cut(&text, units);
            prop_assert!(utf16_units(&cut) <= units);
            prop_assert!(cut == text || cut.strip_suffix('…').is_some_and(|kept| text.starts_with(kept)));
        }
    }
}
