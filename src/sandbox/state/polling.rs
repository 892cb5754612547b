//! What Telegram remembers about `getUpdates` calls, and when it answers a conflict.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::clock;
use crate::sandbox::api_response::ApiResponse;

/// A conflict that follows another one within this time is answered after it.
pub(crate) const CONFLICT_DELAY: Duration = Duration::from_secs(3);

/// A 409 response, and how long to wait before sending it.
#[derive(Debug)]
pub(crate) struct Conflict {
    pub(crate) response: ApiResponse,
    pub(crate) delay: Duration,
}

/// The long poll that waits for an update, and the latest call and conflict.
#[derive(Debug, Default)]
pub(crate) struct Polling {
    /// Ends the long poll with a conflict.
    pub(crate) waiting: Option<oneshot::Sender<Conflict>>,
    delayed_until: Timestamp,
    pub(crate) last_offset: i64,
    pub(crate) last_start: Timestamp,
}

impl Polling {
    /// A conflict, delayed if another one came shortly before.
    pub(crate) fn conflict(&mut self, now: Timestamp, description: &str) -> Conflict {
        let response = ApiResponse::error(409, description);
        if now < self.delayed_until {
            return Conflict { response, delay: CONFLICT_DELAY };
        }
        self.delayed_until = clock::later(now, CONFLICT_DELAY);
        Conflict { response, delay: Duration::ZERO }
    }

    /// Ends the long poll with a conflict, if one waits.
    pub(crate) fn end_long_poll(&mut self, now: Timestamp, description: &str) {
        // The receiver is closed if the call was answered meanwhile: that is not a conflict.
        if let Some(waiting) = self.waiting.take().filter(|waiting| !waiting.is_closed()) {
            let conflict = self.conflict(now, description);
            waiting.send(conflict).ok();
        }
    }
}
