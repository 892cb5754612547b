//! The messages of a chat as bubbles.

use std::collections::HashMap;

use serde_json::Value;

use super::buttons::{self, Button};
use super::chats::summary;
use super::content::{self, Part};
use super::markup;
use super::time::Time;
use super::trail::Mark;
use super::view::View;
use crate::http::pages::Language;
use crate::sandbox::bot;
use crate::sandbox::records::{DeliveryAttempt, Message};
use crate::sandbox::state::State;
use crate::sandbox::state::presses::Press;

/// The most messages on one page.
const MOST: usize = 50;

/// A message.
pub(super) struct Bubble {
    pub(super) id: i64,
    pub(super) sender: String,
    pub(super) by: By,
    pub(super) is_deleted: bool,
    pub(super) at: Time,
    /// The text as HTML, with the sign of the direction.
    pub(super) html: String,
    pub(super) parts: Vec<Part>,
    /// The texts before each edit, and when they were replaced.
    pub(super) earlier: Vec<(Time, String)>,
    /// The message to which it replies: its id and what it says.
    pub(super) reply: Option<(i64, String)>,
    pub(super) forwarded: Option<String>,
    pub(super) keyboard: Vec<Vec<Button>>,
    pub(super) press: Option<PressNotice>,
    /// How far its update came; none if the bot wrote it.
    pub(super) mark: Option<Mark>,
    /// The addresses with which to reply to it and to edit it.
    pub(super) reply_href: Option<String>,
    pub(super) edit_href: Option<String>,
    album: Option<String>,
}

/// Who wrote a message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Bot,
    /// The person who looks at the page.
    Oneself,
    SomeoneElse,
}

/// What became of the latest press of a button of a message.
pub(super) struct PressNotice {
    pub(super) at: Time,
    pub(super) from: String,
    pub(super) button: String,
    /// What the bot answered: nothing yet, an empty text, or a text.
    pub(super) answer: Option<String>,
    pub(super) is_alert: bool,
    pub(super) mark: Mark,
}

/// The messages of a page, and the address of those before them.
pub(super) struct Messages {
    pub(super) bubbles: Vec<Bubble>,
    pub(super) earlier: Option<String>,
}

/// The messages that the view shows, the oldest first, and the address of those before them.
pub(super) fn shown<'a>(state: &'a State, view: &View) -> (Vec<&'a Message>, Option<String>) {
    let is_shown =
        |message: &&Message| message.chat == view.chat && view.before.is_none_or(|before| message.message_id < before);
    let mut shown: Vec<_> = state.conversations.newest_first().filter(is_shown).take(MOST + 1).collect();
    let has_more = shown.len() > MOST;
    shown.truncate(MOST);
    let oldest = shown.last().map(|message| message.message_id);
    let earlier = oldest.filter(|_| has_more).map(|id| View { before: Some(id), ..view.plain() }.href());
    shown.reverse();
    (shown, earlier)
}

/// Reads the messages that the view shows as bubbles.
pub(super) fn read(state: &State, view: &View, marks: &Marks<'_>, language: Language) -> Messages {
    let (shown, earlier) = shown(state, view);
    let mut bubbles: Vec<Bubble> = Vec::new();
    for message in shown {
        let bubble = bubble(state, view, marks, message, language);
        match bubbles.last_mut() {
            Some(last) if last.album.is_some() && last.album == bubble.album && !bubble.is_deleted => last.add(bubble),
            _ => bubbles.push(bubble),
        }
    }
    Messages { bubbles, earlier }
}

/// Finds the mark of an update.
pub(super) struct Marks<'a> {
    pub(super) attempts: HashMap<i64, &'a DeliveryAttempt>,
    pub(super) view: &'a View,
}

impl<'a> Marks<'a> {
    pub(super) fn of(state: &'a State, view: &'a View) -> Self {
        let mut attempts = HashMap::new();
        for attempt in state.deliveries.iter().rev().filter(|attempt| attempt.chat == Some(view.chat)) {
            attempts.entry(attempt.update_id.0).or_insert(attempt);
        }
        Self { attempts, view }
    }

    pub(super) fn mark(&self, update: Option<crate::update::UpdateId>, language: Language) -> Mark {
        Mark::of(update, update.and_then(|id| self.attempts.get(&id.0).copied()), self.view, language)
    }
}

fn bubble(state: &State, view: &View, marks: &Marks<'_>, message: &Message, language: Language) -> Bubble {
    let is_deleted = state.conversations.is_deleted(message.message_id);
    let content = message.content.as_ref();
    let more = message.more.as_ref().unwrap_or(&Value::Null);
    let (text, entities) = match content {
        Some(content) => (content["caption"].as_str().unwrap_or_default(), &content["caption_entities"]),
        None => (message.text.as_str(), &more["entities"]),
    };
    let entities = if entities.is_array() { entities } else { &more["caption_entities"] };
    let detected = if message.bot { Value::Null } else { serde_json::json!(crate::sandbox::entities::detect(text)) };
    let entities = entities.as_array().or(detected.as_array()).map(Vec::as_slice).unwrap_or_default();
    let is_own = !message.bot && message.from == view.person;
    let select = |view: View| (!is_deleted).then(|| view.href());
    Bubble {
        id: message.message_id,
        sender: if message.bot { bot::NAME.to_owned() } else { message.from.clone() },
        by: match message.bot {
            true => By::Bot,
            false if is_own => By::Oneself,
            false => By::SomeoneElse,
        },
        is_deleted,
        at: Time::of(message.at),
        html: markup::html(text, entities),
        parts: content.map(|content| content::parts(state, content, language)).unwrap_or_default(),
        earlier: message.edits.iter().map(|edit| (Time::of(edit.at), edit.text.clone())).collect(),
        reply: message.reply_to.and_then(|id| Some((id, summary(state.conversations.find(message.chat, id)?)))),
        forwarded: forwarded(more),
        keyboard: message.buttons.as_ref().filter(|_| !is_deleted).map(buttons::inline).unwrap_or_default(),
        press: state.presses.of(message.chat, message.message_id).map(|press| notice(press, message, marks, language)),
        mark: (!message.bot).then(|| marks.mark(message.update_id, language)),
        reply_href: select(View { reply: Some(message.message_id), ..view.plain() }),
        edit_href: select(View { edit: Some(message.message_id), ..view.plain() })
            .filter(|_| is_own && content.is_none()),
        album: more["media_group_id"].as_str().map(str::to_owned),
    }
}

/// From whom a message was forwarded.
fn forwarded(more: &Value) -> Option<String> {
    let origin = more.get("forward_origin")?;
    let names = ["/sender_user/first_name", "/sender_user_name", "/sender_chat/title", "/chat/title"];
    names.into_iter().find_map(|name| origin.pointer(name)?.as_str().map(str::to_owned))
}

fn notice(press: &Press, message: &Message, marks: &Marks<'_>, language: Language) -> PressNotice {
    let rows = message.buttons.as_ref().map(|markup| &markup["inline_keyboard"]);
    let buttons = rows.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_array).flatten();
    let text = buttons.into_iter().find(|button| button["callback_data"] == press.data.as_str());
    let text = text.and_then(|button| button["text"].as_str()).unwrap_or(&press.data);
    PressNotice {
        at: Time::of(press.at),
        from: press.from.clone(),
        button: text.chars().map(markup::visible).collect(),
        answer: press.answer.as_ref().map(|answer| answer.text.chars().map(markup::visible).collect()),
        is_alert: press.answer.as_ref().is_some_and(|answer| answer.is_alert),
        mark: marks.mark(press.update_id, language),
    }
}

impl Bubble {
    /// Adds the next message of the same album.
    fn add(&mut self, next: Self) {
        self.parts.extend(next.parts);
        if self.html.is_empty() {
            self.html = next.html;
        }
    }
}
