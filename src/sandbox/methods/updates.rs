//! `getUpdates`, so that a polling copy of a bot gets the same conflicts as at Telegram (`Client.cpp`:
//! `process_get_updates_query`, `abort_long_poll`, `fail_query_conflict`).

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::clock;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;
use crate::sandbox::state::polling::{CONFLICT_DELAY, Conflict};
use crate::telegram::Params;

use super::webhook::set_allowed_updates;

const WEBHOOK_IS_ACTIVE: &str =
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER_REQUEST: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

/// The first step of `getUpdates`.
#[derive(Debug)]
pub(crate) enum GetUpdates {
    Done(ApiResponse),
    Conflict(Conflict),
    /// Wait this long for an update, then return [`pending`] or nothing.
    Wait {
        timeout: Duration,
        limit: usize,
        ended: oneshot::Receiver<Conflict>,
    },
}

/// Begins a `getUpdates`.
pub(crate) fn begin_get(state: &mut State, now: Timestamp, params: &Params) -> GetUpdates {
    if has_webhook(state) {
        return GetUpdates::Conflict(state.polling.conflict(now, WEBHOOK_IS_ACTIVE));
    }
    let offset = params.integer("offset").unwrap_or(0);
    let mut limit = usize::try_from(params.integer("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let mut timeout = params.integer("timeout").unwrap_or(0).clamp(0, 50).unsigned_abs();
    set_allowed_updates(state, params);
    // Telegram slows down a bot that repeats its request at once.
    let since = clock::elapsed(state.polling.last_start, now);
    if offset == state.polling.last_offset && since < CONFLICT_DELAY {
        timeout = timeout.max(CONFLICT_DELAY.as_secs());
        if since < Duration::from_millis(500) {
            limit = 1;
        }
    }
    (state.polling.last_offset, state.polling.last_start) = (offset, now);
    state.backlog.confirm(offset);
    state.backlog.sweep(now);
    if timeout == 0 || state.backlog.len() > 0 {
        return GetUpdates::Done(updates(state, limit));
    }
    state.polling.end_long_poll(now, OTHER_REQUEST);
    let (end, ended) = oneshot::channel();
    state.polling.waiting = Some(end);
    GetUpdates::Wait { timeout: Duration::from_secs(timeout), limit, ended }
}

/// The response to a waiting call as soon as there are updates.
pub(crate) fn pending(state: &State, limit: usize) -> Option<ApiResponse> {
    (state.backlog.len() > 0 && !has_webhook(state)).then(|| updates(state, limit))
}

/// The first `limit` updates.
pub(crate) fn updates(state: &State, limit: usize) -> ApiResponse {
    let updates: Vec<Vec<u8>> = state.backlog.first(limit).map(|(id, update)| update.body(id)).collect();
    ApiResponse::encoded(&[b"[".as_slice(), &updates.join(b",\n".as_slice()), b"]"].concat())
}

fn has_webhook(state: &State) -> bool {
    state.webhook.is_some() || state.pending_webhook.is_some()
}

#[cfg(test)]
mod tests;
