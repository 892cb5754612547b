//! Reads a command at the beginning of a text, as Telegram marks it.

use serde::Deserialize;

use super::command_length::command_length;
use super::text::Text;

/// A command: `/name@bot args`.
#[derive(Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// The name, without the slash.
    pub name: &'a str,
    /// The bot that the text names, if it names one.
    pub bot: Option<&'a str>,
    /// The text behind the command, without blanks around it.
    pub args: &'a str,
}

/// A part of a text with a meaning. The position is counted in UTF-16 units.
#[derive(Debug, Deserialize)]
pub struct Entity<'a> {
    offset: usize,
    length: usize,
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
}

impl<'a> Command<'a> {
    /// The command at the beginning of a text or a caption, as Telegram marks it in the entities. Without any entity, as in
    /// an update that was written by hand, Telegram's rule is applied here.
    #[must_use]
    pub fn read(text: &'a str, entities: Option<&[Entity<'_>]>) -> Option<Self> {
        match entities.filter(|entities| !entities.is_empty()) {
            Some(entities) => {
                let is_command = |entity: &&Entity| entity.offset == 0 && entity.kind.0 == "bot_command";
                read(text, byte_length(text, entities.iter().find(is_command)?.length)?)
            }
            None => read(text, command_length(text)?),
        }
    }

    /// Whether a body may hold one: a string in it may begin with a slash. In JSON the slash may be escaped as `\/` or
    /// `\u002f`. Most messages have none, and then need not be parsed.
    #[must_use]
    pub fn may_be_in(body: &[u8]) -> bool {
        body.windows(2).any(|pair| matches!(pair, [b'"', b'/' | b'\\']))
    }
}

fn read(text: &str, length: usize) -> Option<Command<'_>> {
    let (word, args) = text.split_at_checked(length)?;
    let word = word.strip_prefix('/')?;
    let (name, bot) = word.split_once('@').map_or((word, None), |(name, bot)| (name, Some(bot)));
    (is_name(name) && bot.is_none_or(is_name)).then(|| Command { name, bot, args: args.trim_matches(is_blank) })
}

/// The length in bytes of the first `units` UTF-16 units of a text. `None` where they end inside a character.
fn byte_length(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (at, c) in text.char_indices() {
        if left == 0 {
            return Some(at);
        }
        left = left.checked_sub(c.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

/// Whether a character is invisible. Some keyboards put zero-width characters behind a command.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Whether `word` is a valid name of a command or a bot.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_telegram_would_mark_it() {
        for (text, name, bot, args) in [
            ("/start", "start", None, ""),
            ("/start payload", "start", None, "payload"),
            ("/start@my_bot", "start", Some("my_bot"), ""),
            ("/start@My_Bot  a  b ", "start", Some("My_Bot"), "a  b"),
            ("/start\npayload", "start", None, "payload"),
            ("/Start\u{a0}\tx", "Start", None, "x"),
            ("/set_2 \u{1f600}", "set_2", None, "\u{1f600}"),
            ("/start,", "start", None, ","),
            ("/start! now", "start", None, "! now"),
            ("/start\u{200b}", "start", None, ""),
            ("/start\u{1f600}", "start", None, "\u{1f600}"),
            ("/a@", "a", None, "@"),
            ("/a-b", "a", None, "-b"),
            ("/start@bot@c", "start", Some("bot"), "@c"),
        ] {
            assert_eq!(Command::read(text, None), Some(Command { name, bot, args }), "{text:?}");
        }
        for text in
            ["", "/", "start", " /start", "hello /start", "/ start", "/@bot", "/a/b", "//", "/\u{e4}", "/a\u{e4}"]
        {
            assert_eq!(Command::read(text, None), None, "{text:?}");
        }
    }

    #[test]
    fn a_body_without_a_slash_at_the_beginning_of_a_string_holds_no_command() {
        for body in [r#"{"text":"/start"}"#, r#"{"text": "\/start"}"#, r#"{"text":"\u002fstart"}"#] {
            assert!(Command::may_be_in(body.as_bytes()), "{body}");
        }
        for body in ["", "{}", r#"{"text":"start"}"#, r#"{"text":"and/or /start \\"}"#] {
            assert!(!Command::may_be_in(body.as_bytes()), "{body}");
        }
    }
}
