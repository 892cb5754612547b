use std::fmt::Write;

use super::markup::visible;
use super::time::clock;
use crate::sandbox::records::Message;

/// The messages as plain text, one line each, such as `12:03:01 Ann: /start`. Times are in UTC. What several chats have in
/// common is that their lines name the chat.
pub(in crate::sandbox) fn transcript(messages: &[Message]) -> String {
    let mut text = String::new();
    let first = messages.first().map(|message| message.chat);
    let is_one_chat = messages.iter().all(|message| Some(message.chat) == first);
    for message in messages {
        let chat = if is_one_chat { String::new() } else { format!(" [{}]", message.chat) };
        let edited = if message.edits.is_empty() { "" } else { " (edited)" };
        let line: String = message.text.chars().map(|c| if c == '\n' { '⏎' } else { visible(c) }).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}{chat} {}: {line}{edited}", clock(message.at), message.from);
    }
    text
}
