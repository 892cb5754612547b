//! Chats held back: which chats wait, behind which update, since when, until when, and why. It answers why the bot is
//! silent for one person.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::frame::{Frame, Tab};
use super::reading::{Unreadable, plain};
use super::rows::{Row, state_name};
use super::state::Console;
use super::updates::chat_of;
use super::visit::Visit;
use super::when::When;
use crate::http::pages::{Language, Page};
use crate::inbox::{Filter, HeldBack, UpdateState};

/// The most chats of the page.
const LIMIT: usize = 100;
/// The most updates that are shown of one chat.
const OF_A_CHAT: usize = 20;

/// A chat that waits.
#[derive(Debug, Serialize)]
struct Lane {
    chat: String,
    waiting: u64,
    /// The id of the update that the others wait behind.
    behind: String,
    kind: String,
    state: UpdateState,
    since: When,
    until: Option<When>,
    attempts: u32,
    reason: Option<String>,
    #[serde(skip)]
    state_name: &'static str,
    /// What the chat waits for.
    #[serde(skip)]
    waits_for: &'static str,
    /// How many attempts have failed, in words.
    #[serde(skip)]
    failed: Option<String>,
}

/// The data of the page.
#[derive(Debug, Serialize)]
struct HeldBackChats {
    #[serde(serialize_with = "plain")]
    chats: Result<Vec<Lane>, Unreadable>,
    /// The one chat that is searched for.
    search: Option<Search>,
}

/// What is known of one chat.
#[derive(Debug, Serialize)]
struct Search {
    chat: String,
    /// The answer, in the language of the page.
    says: String,
    updates: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/held_back.html")]
struct HeldBackPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a HeldBackChats,
    query: String,
    is_full: bool,
}

/// `GET /console/held-back`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let held_back = console.read(console.deps.inbox.held_back(LIMIT)).await;
    let query = visit.query("chat").unwrap_or_default().to_owned();
    let search = if query.is_empty() { None } else { Some(search(&console, &visit, &query).await) };
    let chats = held_back.map(|chats| chats.into_iter().map(|chat| Lane::new(chat, &visit)).collect::<Vec<_>>());
    let data = HeldBackChats { chats, search };
    visit.respond(&data, || HeldBackPage {
        page: visit.page(Tab::HeldBack.name(visit.language)),
        frame: visit.frame(Tab::HeldBack),
        query,
        is_full: data.chats.as_ref().is_ok_and(|chats| chats.len() == LIMIT),
        data: &data,
    })
}

impl Lane {
    fn new(chat: HeldBack, visit: &Visit) -> Self {
        let language = visit.language;
        let attempts =
            || language.count(chat.attempts.into(), ["attempt", "attempts"], ["попытка", "попытки", "попыток"]);
        Self {
            state_name: state_name(chat.head_state, language),
            waits_for: waits_for(&chat, language),
            failed: (chat.attempts > 0).then(attempts),
            chat: chat.chat_key,
            waiting: chat.waiting,
            behind: chat.head.to_string(),
            kind: chat.head_kind.name().to_owned(),
            state: chat.head_state,
            since: visit.when(chat.since),
            until: chat.until.map(|at| visit.when(at)),
            attempts: chat.attempts,
            reason: chat.reason.filter(|reason| !reason.is_empty()),
        }
    }
}

/// What the first update of the chat waits for.
fn waits_for(chat: &HeldBack, language: Language) -> &'static str {
    match (chat.head_state, &chat.until, &chat.reason) {
        (UpdateState::Held, ..) => language.pick("it is being handled now", "оно обрабатывается прямо сейчас"),
        (_, Some(_), _) => language.pick("it failed and waits for its next attempt", "сбой, ждёт следующей попытки"),
        (_, None, Some(_)) => language.pick("it failed and can be tried again now", "сбой, можно пробовать снова"),
        (_, None, None) => language.pick("it waits for a free slot", "ждёт свободного места"),
    }
}

/// Answers why the bot is silent in one chat.
async fn search(console: &Console, visit: &Visit, query: &str) -> Search {
    let language = visit.language;
    let Some(key) = chat_of(query) else {
        let says = language.pick(
            "This is no number of a chat. A private chat has the number of the person, such as 42; a group has a negative \
             one, such as -100123.",
            "Это не номер чата. Номер личного чата — номер человека, например 42; у группы он отрицательный, например \
             -100123.",
        );
        return Search { chat: String::new(), says: says.to_owned(), updates: Vec::new() };
    };
    let filter = Filter { chat_key: Some(key), ..Filter::default() };
    let found = console.read(console.deps.inbox.page(&filter, None, OF_A_CHAT)).await;
    let updates: Vec<Row> = match found {
        Ok(page) => page.records.into_iter().map(|record| Row::new(record, visit)).collect(),
        Err(unreadable) => return Search { chat: key.to_string(), says: unreadable.error, updates: Vec::new() },
    };
    let open = |row: &&Row| matches!(row.state, UpdateState::Waiting | UpdateState::Held);
    let waiting = updates.iter().filter(open).count() as u64;
    let dead = updates.iter().filter(|row| row.state == UpdateState::Dead).count() as u64;
    let says = if console.handling().is_paused() && waiting > 0 {
        language.pick(
            "Handling is paused, so this chat waits like all others.",
            "Обработка приостановлена, чат ждёт, как и все.",
        )
    } else if waiting > 0 {
        language.pick(
            "Updates of this chat wait. They are handled one at a time: the oldest one below is first.",
            "Обновления этого чата ждут. Они обрабатываются по одному: самое старое из них первое.",
        )
    } else if dead > 0 {
        language.pick(
            "Nothing of this chat waits. It has dead letters, which were given up and were not answered: see why below.",
            "В этом чате ничего не ждёт. Есть необработанные обновления, на них ответа не было: причины ниже.",
        )
    } else {
        language.pick(
            "Nothing of this chat waits here. If the person gets no answer, the bot did not answer, the person has blocked it, \
             or the update did not arrive: see the webhook.",
            "В этом чате здесь ничего не ждёт. Если ответа нет, значит, бот не ответил, человек его заблокировал или обновление \
             не дошло: смотрите вебхук.",
        )
    };
    Search { chat: key.to_string(), says: says.to_owned(), updates }
}
