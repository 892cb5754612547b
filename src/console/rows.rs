//! Updates as the pages and the JSON show them. 64-bit ids are texts, because JavaScript rounds large numbers.

use serde::Serialize;

use super::visit::Visit;
use super::when::When;
use crate::http::pages::Language;
use crate::inbox::{Record, UpdateState};

/// An update in a table.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) kind: String,
    /// Its key, such as `chat:42`. `None` where the store does not know it any more.
    pub(super) chat: Option<String>,
    pub(super) state: UpdateState,
    pub(super) received_at: When,
    pub(super) expires_at: Option<When>,
    pub(super) next_attempt_at: Option<When>,
    pub(super) ended_at: Option<When>,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    #[serde(skip)]
    pub(super) state_name: &'static str,
    #[serde(skip)]
    pub(super) class: &'static str,
}

impl Row {
    pub(super) fn new(record: Record, visit: &Visit) -> Self {
        let Record { id, kind, chat_key, state, received_at, attempts, reason, .. } = record;
        let reason = reason.filter(|reason| !reason.is_empty());
        Self {
            id: id.to_string(),
            kind: kind.name().to_owned(),
            chat: Some(chat_key).filter(|key| !key.is_empty()),
            state,
            received_at: visit.when(received_at),
            expires_at: record.expires_at.map(|at| visit.when(at)),
            next_attempt_at: record.next_attempt_at.map(|at| visit.when(at)),
            ended_at: record.ended_at.map(|at| visit.when(at)),
            attempts,
            state_name: state_name(state, visit.language),
            class: class(state, reason.is_some()),
            reason,
        }
    }
}

/// The class of a state.
fn class(state: UpdateState, has_failed: bool) -> &'static str {
    match state {
        UpdateState::Dead => "bad",
        UpdateState::Expired => "warn",
        UpdateState::Waiting if has_failed => "warn",
        UpdateState::Waiting | UpdateState::Held | UpdateState::Done => "ok",
        UpdateState::Discarded => "faint",
    }
}

/// The states in the order of an update's life.
pub(super) const STATES: [UpdateState; 6] = [
    UpdateState::Waiting,
    UpdateState::Held,
    UpdateState::Done,
    UpdateState::Dead,
    UpdateState::Expired,
    UpdateState::Discarded,
];

/// The name of a state in a URL, as in JSON.
pub(super) fn state_key(state: UpdateState) -> &'static str {
    match state {
        UpdateState::Waiting => "waiting",
        UpdateState::Held => "held",
        UpdateState::Done => "done",
        UpdateState::Dead => "dead",
        UpdateState::Expired => "expired",
        UpdateState::Discarded => "discarded",
    }
}

/// The name of a state for people.
pub(super) fn state_name(state: UpdateState, language: Language) -> &'static str {
    match state {
        UpdateState::Waiting => language.pick("waiting", "ждёт"),
        UpdateState::Held => language.pick("being handled", "обрабатывается"),
        UpdateState::Done => language.pick("done", "обработано"),
        UpdateState::Dead => language.pick("dead letter", "не обработано"),
        UpdateState::Expired => language.pick("expired", "устарело"),
        UpdateState::Discarded => language.pick("deleted", "удалено"),
    }
}
