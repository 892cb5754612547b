//! The entities that Telegram finds in a text without markup: commands, links, mentions and hashtags.

use serde::Serialize;

use crate::update::{command_length, is_word_char};

/// A special part of a text. Offset and length are in UTF-16 units.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Entity {
    pub(super) offset: usize,
    pub(super) length: usize,
    pub(super) r#type: &'static str,
}

/// The entities in a text, in order. None is inside another.
pub(super) fn detect(text: &str) -> Vec<Entity> {
    let mut entities = Vec::new();
    let (mut before, mut units, mut end) = (None, 0, 0);
    for (at, char) in text.char_indices() {
        let rest = &text[at..];
        if at >= end && !before.is_some_and(is_word_char) {
            let found = match char {
                '/' => command_length(rest).map(|length| (length, "bot_command")),
                'h' | 'H' => url_length(rest).map(|length| (length, "url")),
                '@' => name_length(rest, 5..=32).map(|length| (length, "mention")),
                '#' => name_length(rest, 1..=255)
                    .filter(|length| has_letter(&rest[..*length]))
                    .map(|length| (length, "hashtag")),
                _ => None,
            };
            if let Some((length, r#type)) = found {
                end = at + length;
                entities.push(Entity { offset: units, length: rest[..length].encode_utf16().count(), r#type });
            }
        }
        before = Some(char);
        units += char.len_utf16();
    }
    entities
}

/// The length of the URL at the beginning, in bytes. Punctuation at its end does not belong to it.
fn url_length(text: &str) -> Option<usize> {
    let schemes = ["https://", "http://"];
    let begins = |scheme: &&&str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    let scheme = schemes.iter().find(begins)?;
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"')).unwrap_or(text.len());
    let url = text[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '\'']);
    (url.len() > scheme.len() && url[scheme.len()..].starts_with(char::is_alphanumeric)).then_some(url.len())
}

/// The length of the sign at the beginning and the name after it, in bytes.
fn name_length(text: &str, allowed: std::ops::RangeInclusive<usize>) -> Option<usize> {
    let name = &text[1..];
    let length = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (allowed.contains(&name[..length].chars().count()) && !name[length..].starts_with(is_word_char))
        .then_some(1 + length)
}

fn has_letter(text: &str) -> bool {
    text.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, usize)> {
        detect(text)
            .into_iter()
            .filter(|entity| entity.r#type == "bot_command")
            .map(|it| (it.offset, it.length))
            .collect()
    }

    #[test]
    fn commands_are_marked_in_utf16_units() {
        assert_eq!(found("/start"), [(0, 6)]);
        assert_eq!(found("\u{1f514} /start@my_bot now, (/help)"), [(3, 13), (23, 5)]);
        assert_eq!(found("a/b </c> //d /e/f / and http://x.org/y"), []);
        assert_eq!(found("/start@ab"), [(0, 6)]);
        assert_eq!(found("/start, /help! /a\u{200b} /b\u{e4}"), [(0, 6), (8, 5), (15, 2)]);
    }

    #[test]
    fn links_mentions_and_hashtags_are_marked() {
        let found = |text: &str| {
            let entities = detect(text).into_iter();
            let part = |entity: &Entity| text.chars().skip(entity.offset).take(entity.length).collect::<String>();
            entities.map(|entity| (part(&entity), entity.r#type)).collect::<Vec<_>>()
        };
        assert_eq!(
            found("See https://a.example/b?c=d#e, (http://f.example)."),
            [("https://a.example/b?c=d#e".to_owned(), "url"), ("http://f.example".to_owned(), "url")]
        );
        assert_eq!(
            found("@a_bot_name #tag @abc #1 a@b_c_d_e https:// h"),
            [("@a_bot_name".to_owned(), "mention"), ("#tag".to_owned(), "hashtag")]
        );
    }
}
