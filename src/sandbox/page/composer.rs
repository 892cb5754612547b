//! What is below the conversation: the field for a new message, who writes, the keyboard and the menu of the bot.

use super::buttons::{self, ReplyKeyboard};
use super::chats::{json, summary};
use super::markup::visible;
use super::view::View;
use crate::sandbox::methods::commands;
use crate::sandbox::people::{PEOPLE, user};
use crate::sandbox::state::State;

/// The part of the page below the conversation.
pub(super) struct Composer {
    /// The people who can write here: the name, the address, whether it is the current one.
    pub(super) people: Vec<(String, String, bool)>,
    /// The message to which the next one replies.
    pub(super) reply: Option<String>,
    /// The text of the message that is edited.
    pub(super) edited: Option<String>,
    /// The address without the reply or the edit.
    pub(super) cancel: String,
    pub(super) keyboard: Option<ReplyKeyboard>,
    /// The commands of the bot's menu with their descriptions.
    pub(super) commands: Vec<(String, String)>,
    pub(super) may_write: bool,
    /// Whether the person can come back into the group.
    pub(super) has_left: bool,
}

/// Reads what the composer shows.
pub(super) fn read(state: &State, view: &View) -> Composer {
    let chat = json(state, view.chat);
    let is_group = chat["type"] == "group" || chat["type"] == "supergroup";
    let person =
        |(_, name): &(i64, &str)| ((*name).to_owned(), View::chat(view.chat, name).href(), *name == view.person);
    let message = |id: Option<i64>| state.conversations.find(view.chat, id?);
    let edited = message(view.edit).filter(|message| !message.bot && message.content.is_none());
    let clean = |text: &str| text.chars().map(visible).collect::<String>();
    Composer {
        people: if is_group { PEOPLE.iter().map(person).collect() } else { Vec::new() },
        reply: message(view.reply).map(summary),
        edited: edited.map(|message| message.text.clone()),
        cancel: view.plain().href(),
        keyboard: buttons::reply(state, view.chat),
        commands: commands::menu(state, view.chat).map(|(name, about)| (clean(name), clean(about))).collect(),
        may_write: state.members.may_write(view.chat, user(view.chat, &view.person).id),
        has_left: state.members.status(view.chat, user(view.chat, &view.person).id) == "left",
    }
}

impl Composer {
    /// What the bot suggests to write.
    pub(super) fn placeholder(&self) -> Option<&str> {
        self.keyboard.as_ref()?.placeholder.as_deref()
    }
}
