//! The sender's decisions: how many connections to open, which update to send next, and the effect of a
//! response. They read and change the state only.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::http_client::{DeliveryError, WebhookResponse};
use crate::clock;
use crate::sandbox::records::{DeliveryAttempt, DeliveryOutcome};
use crate::sandbox::state::State;
use crate::sandbox::state::queue::MIN_LONGEST_DELAY;
use crate::sandbox::state::webhook::SenderHandle;
use crate::telegram::Params;
use crate::update::UpdateId;

/// A webhook that responds only with 410 for this long is deleted.
const MAX_GONE: Duration = Duration::from_hours(23);

/// An update in flight.
pub(crate) struct Delivery {
    pub(crate) id: i64,
    queue: i64,
    pub(crate) request: Vec<u8>,
    /// Its position in the history of attempts.
    pub(crate) attempt: u64,
}

/// What the sender has to do now.
#[derive(Default)]
pub(crate) struct Plan {
    /// The number of connections to open.
    pub(crate) open: usize,
    /// The number of updates that can be sent.
    pub(crate) ready: usize,
    /// When there is more to do, if no change comes first.
    pub(crate) next_at: Option<Timestamp>,
}

/// What the sender has to do now. `None` if it no longer belongs to the webhook.
pub(crate) fn plan(state: &mut State, sender: &Arc<SenderHandle>, now: Timestamp) -> Option<Plan> {
    let max = state.webhook_of(sender)?.request.max_connections as usize;
    if sender.target.addr.is_none() {
        return Some(Plan::default());
    }
    state.backlog.load(now, 2 * max);
    let queues = state.backlog.loaded_queues();
    let (open, open_at) = state.webhook_of(sender)?.connections.grow(now, queues, max);
    let (ready, ready_at) = state.backlog.count_ready(now, max);
    Some(Plan { open, ready, next_at: [open_at, ready_at].into_iter().flatten().min() })
}

/// The update to send next, if one can be sent now.
pub(crate) fn take(state: &mut State, sender: &Arc<SenderHandle>, now: Timestamp) -> Option<Delivery> {
    let max = state.webhook_of(sender)?.request.max_connections as usize;
    state.backlog.load(now, 2 * max);
    let (queue, id, update) = state.backlog.take(now)?;
    let attempt = state.deliveries.push(DeliveryAttempt {
        update_id: UpdateId(id),
        chat: update.chat,
        queue,
        attempt: update.attempts,
        at: now,
        outcome: DeliveryOutcome::Sent,
        took: None,
        retry_after: None,
        next_at: None,
    });
    Some(Delivery { id, queue, request: sender.http_request(&update.body(id)), attempt })
}

/// Records the outcome of an attempt, and acknowledges or reschedules the update. Returns the parameters of a
/// method call in the response.
pub(crate) fn settle(
    state: &mut State,
    sender: &Arc<SenderHandle>,
    delivery: &Delivery,
    result: Result<WebhookResponse, DeliveryError>,
    now: Timestamp,
) -> Option<Params> {
    record(state, delivery.attempt, outcome(&result), now);
    let webhook = state.webhook_of(sender)?;
    let (error, retry_after) = match result {
        Ok(response) if response.is_success() => {
            webhook.connections.succeeded(now);
            webhook.gone_since = None;
            state.backlog.acknowledge(delivery.queue);
            return response.may_be_a_call().then(|| {
                let mut params = Params::default();
                params.read(&response.content_type, &response.body);
                params
            });
        }
        Ok(response) => {
            let gone_since = *webhook.gone_since.get_or_insert(now);
            if response.code != 410 {
                webhook.gone_since = None;
            } else if clock::elapsed(gone_since, now) > MAX_GONE {
                state.erase_webhook();
                return None;
            }
            let text = format!("Wrong response from the webhook: {} {}", response.code, response.reason);
            (Some(text), response.retry_after)
        }
        // Telegram does not report a connection that was closed in good order.
        Err(DeliveryError::Closed) => (None, 0),
        Err(DeliveryError::Failed(text)) => (Some(text), 0),
        Err(DeliveryError::Malformed(_, text)) => (Some(text.to_owned()), 0),
    };
    if let Some(text) = error {
        webhook.last_error = Some((now, text));
    }
    let max_delay = rand::random_range(MIN_LONGEST_DELAY..=2 * MIN_LONGEST_DELAY);
    let next_at = state.backlog.retry_later(delivery.queue, now, retry_after, max_delay);
    if let Some(attempt) = state.deliveries.get_mut(delivery.attempt) {
        (attempt.retry_after, attempt.next_at) = (Some(retry_after).filter(|seconds| *seconds > 0), next_at);
    }
    None
}

/// Records the outcome of an attempt.
pub(crate) fn record(state: &mut State, attempt: u64, outcome: DeliveryOutcome, now: Timestamp) {
    if let Some(attempt) = state.deliveries.get_mut(attempt) {
        attempt.outcome = outcome;
        attempt.took = Some(clock::elapsed(attempt.at, now));
    }
}

fn outcome(result: &Result<WebhookResponse, DeliveryError>) -> DeliveryOutcome {
    match result {
        Ok(response) => DeliveryOutcome::Status(response.code),
        Err(DeliveryError::Closed) => DeliveryOutcome::Failed("Webhook connection closed".to_owned()),
        Err(DeliveryError::Failed(text)) => DeliveryOutcome::Failed(text.clone()),
        Err(DeliveryError::Malformed(_, text)) => DeliveryOutcome::Failed((*text).to_owned()),
    }
}
