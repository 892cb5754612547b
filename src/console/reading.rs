//! Reads the inbox for a page, without ever slowing an acknowledgement down.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::state::Console;
use crate::inbox::InboxError;
use crate::telemetry;

/// How long a page waits for the inbox, with the wait for its turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a page cannot show what is in the inbox.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Unreadable {
    /// What is wrong, in the words of `/healthz`.
    pub(super) error: String,
}

impl Console {
    /// The result of a reading, if the inbox answers in time.
    pub(super) async fn read<T>(&self, reading: impl Future<Output = Result<T, InboxError>>) -> Result<T, Unreadable> {
        let in_turn = async {
            // The semaphore is never closed.
            let _turn = self.readings.acquire().await;
            reading.await
        };
        let read = tokio::select! {
            read = in_turn => read,
            () = self.deps.service.clock.sleep(PATIENCE) => {
                return Err(Unreadable { error: "the inbox does not answer".to_owned() });
            }
        };
        read.map_err(|error| {
            tracing::debug!(error = %telemetry::chain(&error), "the console could not read the inbox");
            Unreadable { error: error.public_message() }
        })
    }
}

/// Serializes what was read without a tag: the value, or an object with the field `error`.
pub(super) fn plain<T: Serialize, S: Serializer>(read: &Result<T, Unreadable>, to: S) -> Result<S::Ok, S::Error> {
    match read {
        Ok(value) => value.serialize(to),
        Err(unreadable) => unreadable.serialize(to),
    }
}
