//! The page as JSON, for a program that asks for it. Messages have the form of the control API.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::messages::{self, Marks};
use super::view::View;
use super::{chats, composer, refusals, switches, trail};
use crate::http::pages::Language;
use crate::sandbox::records::Message;
use crate::sandbox::service_view::ServiceView;
use crate::sandbox::state::State;

/// What the page shows.
pub(super) struct Seen<'a> {
    pub(super) state: &'a State,
    pub(super) service: &'a ServiceView,
    pub(super) view: &'a View,
    /// The open chat as the Bot API shows it.
    pub(super) chat: &'a Value,
    pub(super) now: Timestamp,
}

impl Seen<'_> {
    /// The page as JSON. `webhook` is the sentence about where Telegram sends updates.
    pub(super) fn to_json(&self, webhook: &str, language: Language) -> Value {
        let Self { state, service, view, chat, now } = *self;
        let marks = Marks::of(state, view);
        let (shown, earlier) = messages::shown(state, view);
        let messages: Vec<_> = shown.into_iter().map(|message| self.message(message, &marks, language)).collect();
        let drafts = state.presence.drafts(now, view.chat);
        let drafts: Vec<_> = drafts.map(|(id, draft)| json!({"draft_id": id, "text": draft.text})).collect();
        let composer = composer::read(state, view);
        let commands = composer.commands.iter();
        let commands: Vec<_> = commands.map(|(name, about)| json!({"command": name, "description": about})).collect();
        json!({
            "view": view,
            "problem": view.problem.map(|problem| problem.sentence(language)),
            "name": chats::name(chat),
            "kind": chats::kind(chat, language),
            "exists": chats::exists(state, view.chat),
            "says": service.sentences(),
            "webhook": webhook,
            "chats": chats::list(state, view, language),
            "messages": messages,
            "earlier": earlier,
            "action": state.presence.action(now, view.chat),
            "drafts": drafts,
            "commands": commands,
            "may_write": composer.may_write,
            "trail": trail::read(state, &service.trail, view, language),
            "refused_calls": refusals::list(state, service),
            "switches": switches::list(state, service, language),
        })
    }

    /// A message, and how far its update came.
    fn message(&self, message: &Message, marks: &Marks<'_>, language: Language) -> Value {
        let mut shown = json!(message);
        if self.state.conversations.is_deleted(message.message_id) {
            shown["deleted"] = true.into();
        }
        if !message.bot {
            shown["mark"] = marks.mark(message.update_id, language).label.into();
        }
        shown
    }
}
