//! Users as the Bot API shows them: people and the bot itself.

use serde::Serialize;
use serde_json::{Value, json};

use super::bot;

/// A user, with its fields in Telegram's order.
#[derive(Serialize)]
pub(super) struct UserJson<'a> {
    pub(super) id: i64,
    is_bot: bool,
    first_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language_code: Option<&'a str>,
}

/// The people of the chat page and the ids of their private chats.
pub(super) const PEOPLE: [(i64, &str); 3] = [(1, "Ann"), (2, "Bob"), (3, "Carol")];

/// The name of the person with this id.
pub(super) fn name_of(id: i64) -> &'static str {
    PEOPLE.iter().find(|(known, _)| *known == id).map_or("Someone", |(_, name)| name)
}

/// The group of the chat page.
pub(super) const GROUP: i64 = -10;
/// The channel of the chat page.
pub(super) const CHANNEL: i64 = -1_001_000_000_001;

/// The person of this name in a chat. In a private chat the user's id is the chat's; in a group each first name
/// is a user.
pub(super) fn user(chat: i64, first_name: &str) -> UserJson<'_> {
    let hash = first_name.bytes().fold(7_i64, |hash, byte| (hash * 31 + i64::from(byte)) % 1_000_000_007);
    let known = || PEOPLE.iter().find(|(_, name)| *name == first_name).map(|(id, _)| *id);
    let id = if chat > 0 { chat } else { known().unwrap_or(1_000_000_000 + hash) };
    UserJson { id, is_bot: false, first_name, username: None, language_code: Some("en") }
}

/// The bot.
pub(super) fn bot_user() -> Value {
    json!({"id": bot::id(), "is_bot": true, "first_name": bot::NAME, "username": bot::USERNAME})
}
