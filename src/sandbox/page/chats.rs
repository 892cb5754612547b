//! The list of chats.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use super::markup::visible;
use super::time::Time;
use super::view::View;
use crate::http::pages::Language;
use crate::humanize::shortened;
use crate::sandbox::people::{CHANNEL, GROUP, PEOPLE};
use crate::sandbox::records::Message;
use crate::sandbox::state::State;
use crate::sandbox::state::conversations;

/// The most chats in the list.
const MOST: usize = 30;
/// The most characters of the last message.
const SHOWN: usize = 60;

/// A chat in the list.
#[derive(Serialize)]
pub(super) struct ChatRow {
    pub(super) name: String,
    /// The first letter of the name.
    #[serde(skip)]
    pub(super) initial: char,
    pub(super) kind: &'static str,
    pub(super) last: Option<(Time, String)>,
    pub(super) href: String,
    pub(super) is_open: bool,
}

/// The usual chats first, then others with messages, those with the newest message first.
pub(super) fn list(state: &State, view: &View, language: Language) -> Vec<ChatRow> {
    let mut last: HashMap<i64, &Message> = HashMap::new();
    let mut chats: Vec<i64> = PEOPLE.iter().map(|(chat, _)| *chat).chain([GROUP, CHANNEL]).collect();
    for message in state.conversations.newest_first() {
        if !state.conversations.is_deleted(message.message_id) {
            last.entry(message.chat).or_insert(message);
        }
        if chats.len() < MOST && !chats.contains(&message.chat) {
            chats.push(message.chat);
        }
    }
    if !chats.contains(&view.chat) && state.conversations.chats.contains_key(&view.chat) {
        chats.push(view.chat);
    }
    let row = |chat: i64| {
        let known = json(state, chat);
        let name = name(&known);
        ChatRow {
            initial: name.chars().next().unwrap_or('?'),
            kind: kind(&known, language),
            last: last.get(&chat).map(|message| (Time::of(message.at), summary(message))),
            href: View::of(format!("chat={chat}").as_bytes()).named(&known).href(),
            is_open: chat == view.chat,
            name,
        }
    };
    chats.into_iter().map(row).collect()
}

/// A chat as the Bot API shows it. The usual chats are there before the first message.
pub(super) fn json(state: &State, chat: i64) -> Value {
    let usual = PEOPLE.iter().find(|(id, _)| *id == chat).map_or("Someone", |(_, name)| name);
    state.conversations.chats.get(&chat).cloned().unwrap_or_else(|| conversations::chat(chat, usual))
}

/// Whether the page can show this chat.
pub(super) fn exists(state: &State, chat: i64) -> bool {
    chat == GROUP
        || chat == CHANNEL
        || PEOPLE.iter().any(|(id, _)| *id == chat)
        || state.conversations.chats.contains_key(&chat)
}

/// The name of a chat.
pub(super) fn name(chat: &Value) -> String {
    let name = chat["title"].as_str().or(chat["first_name"].as_str()).unwrap_or("?");
    shortened(name, 64).chars().map(visible).collect()
}

/// The kind of a chat in words.
pub(super) fn kind(chat: &Value, language: Language) -> &'static str {
    match (chat["type"].as_str(), language) {
        (Some("private"), Language::English) => "private chat",
        (Some("private"), Language::Russian) => "личный чат",
        (Some("channel"), Language::English) => "channel",
        (Some("channel"), Language::Russian) => "канал",
        (_, Language::English) => "group",
        (_, Language::Russian) => "группа",
    }
}

/// A message on one line.
pub(super) fn summary(message: &Message) -> String {
    let text: String = message.text.chars().map(|c| if c.is_whitespace() { ' ' } else { visible(c) }).collect();
    format!("{}: {}", message.from, shortened(&text, SHOWN))
}
