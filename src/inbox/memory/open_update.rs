//! An update in memory that is not done.

use tokio::sync::oneshot;

use super::super::record::{Record, UpdateState};
use crate::telegram::Call;
use crate::update::Update;

/// An update that waits, is claimed, or is a dead-letter update.
pub(super) struct OpenUpdate {
    pub(super) update: Update,
    pub(super) attempts: u32,
    pub(super) reason: Option<String>,
    pub(super) calls_left: Option<Vec<Call>>,
    /// Requests that acknowledge the update when it has been handled.
    pub(super) requests: Vec<oneshot::Sender<()>>,
}

impl OpenUpdate {
    /// Reports to all requests that the update has been handled.
    pub(super) fn acknowledge(&mut self) {
        for request in self.requests.drain(..) {
            // A request whose client has disconnected no longer waits.
            let _ = request.send(());
        }
    }

    /// The dead-letter update for the operator.
    pub(super) fn record(&self) -> Record {
        Record {
            id: self.update.id,
            kind: self.update.kind.clone(),
            chat_key: self.update.chat_key.to_string(),
            state: UpdateState::Dead,
            received_at: self.update.received_at,
            attempts: self.attempts,
            reason: self.reason.clone(),
            body: Some(String::from_utf8_lossy(&self.update.body).into_owned()),
            calls_left: self.calls_left.clone(),
        }
    }
}
