//! The webhook's sender: the tasks that open as many connections as Telegram would and deliver the updates
//! over them (`WebhookActor.cpp`).

mod deliveries;
mod http_client;

use std::sync::Arc;
use std::time::Duration;

use super::methods;
use super::records::DeliveryOutcome;
use super::shared::Shared;
use super::state::webhook::SenderHandle;
use deliveries::Delivery;
use http_client::{Connection, DeliveryError, WebhookResponse};

/// A request must have its whole response within this time, connecting included.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(1);
/// A connection without work is closed after this time.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);

/// Starts the sender of a webhook that was set.
pub(super) fn start(shared: &Arc<Shared>, sender: Arc<SenderHandle>) {
    shared.shutdown.tasks.spawn(run(Arc::clone(shared), sender));
}

/// Opens connections and wakes idle ones until the webhook changes.
async fn run(shared: Arc<Shared>, sender: Arc<SenderHandle>) {
    loop {
        let now = shared.clock.now();
        let plan = deliveries::plan(&mut shared.lock(), &sender, now);
        let Some(plan) = plan else { return };
        for _ in 0..plan.open {
            shared.shutdown.tasks.spawn(run_connection(Arc::clone(&shared), Arc::clone(&sender)));
        }
        for _ in 0..plan.ready {
            sender.work.notify_one();
        }
        tokio::select! {
            () = sender.changed.notified() => {}
            () = shared.sleep_until(plan.next_at) => {}
            () = sender.cut.cancelled() => return,
            () = shared.shutdown.soft.cancelled() => return,
        }
    }
}

/// One connection, from before it is opened until it is closed.
async fn run_connection(shared: Arc<Shared>, sender: Arc<SenderHandle>) {
    let mut in_flight = None;
    tokio::select! {
        biased;
        () = sender.cut.cancelled() => {}
        () = shared.shutdown.soft.cancelled() => {}
        () = send_updates(&shared, &sender, &mut in_flight) => {}
    }
    shared.change(|state, now| {
        if let Some(attempt) = in_flight {
            deliveries::record(state, attempt, DeliveryOutcome::Cut, now);
        }
        if let Some(webhook) = state.webhook_of(&sender) {
            webhook.connections.closed();
        }
    });
}

async fn send_updates(shared: &Arc<Shared>, sender: &Arc<SenderHandle>, in_flight: &mut Option<u64>) {
    let mut connection = None;
    while let Some(delivery) = next_delivery(shared, sender, &mut connection).await {
        *in_flight = Some(delivery.attempt);
        let result = tokio::select! {
            biased;
            result = deliver(sender, &mut connection, &delivery) => result,
            () = shared.clock.sleep(RESPONSE_TIMEOUT) => Err(DeliveryError::Failed("Read timeout expired".to_owned())),
        };
        let is_reusable = matches!(&result, Ok(response) if response.keep_alive);
        tracing::debug!(update.id = delivery.id, ?result, "the sandbox sent an update to the webhook");
        shared.change(|state, now| {
            if let Some(call) = deliveries::settle(state, sender, &delivery, result, now) {
                methods::execute_from_webhook(state, now, call);
            }
        });
        *in_flight = None;
        if !is_reusable {
            return;
        }
    }
}

/// Waits for an update to deliver. Returns none when the connection was closed or idle for too long.
async fn next_delivery(
    shared: &Arc<Shared>,
    sender: &Arc<SenderHandle>,
    connection: &mut Option<Connection>,
) -> Option<Delivery> {
    let idle = shared.clock.sleep(IDLE_TIMEOUT);
    tokio::pin!(idle);
    loop {
        let work = sender.work.notified();
        tokio::pin!(work);
        // Registered before looking, so that work that arrives in between is not missed.
        work.as_mut().enable();
        let now = shared.clock.now();
        if let Some(delivery) = deliveries::take(&mut shared.lock(), sender, now) {
            return Some(delivery);
        }
        let Some(connection) = connection.as_ref() else {
            *connection = Some(open_spare(shared, sender).await?);
            continue;
        };
        tokio::select! {
            () = work => {}
            () = connection.readable() => return None,
            () = &mut idle => return None,
        }
    }
}

/// Opens a connection before there is an update for it.
async fn open_spare(shared: &Arc<Shared>, sender: &Arc<SenderHandle>) -> Option<Connection> {
    let error = match Connection::open(sender.target.addr?).await {
        Ok(connection) => return Some(connection),
        Err(error) => error,
    };
    shared.change(|state, now| {
        if let (Some(webhook), DeliveryError::Failed(text)) = (state.webhook_of(sender), error) {
            webhook.last_error = Some((now, text));
        }
    });
    None
}

async fn deliver(
    sender: &SenderHandle,
    connection: &mut Option<Connection>,
    delivery: &Delivery,
) -> Result<WebhookResponse, DeliveryError> {
    if sender.target.tls {
        let reason = "SSL error: the sandbox speaks no TLS; give it an http URL, or a route for the host";
        return Err(DeliveryError::Failed(reason.to_owned()));
    }
    let connection = if let Some(connection) = connection {
        connection
    } else {
        let addr = sender.target.addr.ok_or_else(|| DeliveryError::Failed("Connection refused".to_owned()))?;
        connection.insert(Connection::open(addr).await?)
    };
    connection.exchange(&delivery.request).await
}

#[cfg(test)]
mod tests;
