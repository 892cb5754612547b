//! How an attempt ended: the verdict, and the one table of the kinds of verdict with their names.

use jiff::Timestamp;

use crate::telegram::Call;
use crate::telemetry::label;

/// How an attempt ended. `reason` is a text for the operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The update was handled and every call was made.
    Done,
    /// The attempt failed and counts. The next one starts at `at`.
    Retry {
        /// When the next attempt may start.
        at: Timestamp,
        /// Why the attempt failed.
        reason: String,
    },
    /// The bot or Telegram was away. The next attempt starts at `at`; this one does not count.
    Postpone {
        /// When the next attempt may start.
        at: Timestamp,
        /// Who was away.
        reason: String,
    },
    /// The update was handled, but these calls are still to be made, from `at` on. The attempt does not count.
    CallsLeft {
        /// The calls that have not been made, in order.
        calls: Vec<Call>,
        /// When the calls may be made.
        at: Timestamp,
        /// Why they could not be made.
        reason: String,
    },
    /// The update was given up. It stays a dead-letter update until the operator revives or discards it.
    Dead {
        /// Why it was given up.
        reason: String,
    },
    /// The update was handled, but Telegram refused these calls permanently. It becomes a dead-letter update. When it
    /// is revived, these calls are made again and the handler does not run.
    Refused {
        /// The refused calls, in order.
        calls: Vec<Call>,
        /// What Telegram answered.
        reason: String,
    },
    /// The update's lifetime ended before it was handled.
    Expired,
    /// The attempt was interrupted. Everything is as it was before the claim.
    Released,
}

label! {
    /// The kinds of [`Verdict`]. Their names are the same in traces, metrics and both databases.
    pub enum VerdictKind as "outcome" {
        /// Handled; every call was made.
        Done = "done",
        /// The bot failed; another attempt follows.
        Retry = "retry",
        /// The bot was away; another attempt follows.
        Postponed = "postponed",
        /// Handled; calls are still to be made.
        CallsLeft = "calls_left",
        /// Given up: a dead-letter update.
        Dead = "dead",
        /// The update's lifetime ended before it was handled.
        Expired = "expired",
        /// Interrupted, because the service stops.
        Released = "released",
    }
}

impl Verdict {
    /// The kind, which gives the verdict its name.
    #[must_use]
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::Done => VerdictKind::Done,
            Self::Retry { .. } => VerdictKind::Retry,
            Self::Postpone { .. } => VerdictKind::Postponed,
            Self::CallsLeft { .. } => VerdictKind::CallsLeft,
            Self::Dead { .. } | Self::Refused { .. } => VerdictKind::Dead,
            Self::Expired => VerdictKind::Expired,
            Self::Released => VerdictKind::Released,
        }
    }

    /// When another attempt follows; `None` when none follows, or when it may follow at once.
    #[must_use]
    pub fn retry_at(&self) -> Option<Timestamp> {
        match self {
            Self::Retry { at, .. } | Self::Postpone { at, .. } | Self::CallsLeft { at, .. } => Some(*at),
            Self::Done | Self::Dead { .. } | Self::Refused { .. } | Self::Expired | Self::Released => None,
        }
    }

    /// Why the update was not done, where there is something to say.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Retry { reason, .. }
            | Self::Postpone { reason, .. }
            | Self::CallsLeft { reason, .. }
            | Self::Dead { reason }
            | Self::Refused { reason, .. } => Some(reason),
            Self::Done | Self::Expired | Self::Released => None,
        }
    }

    /// The calls to store with the update; `None` leaves the stored ones as they are.
    #[must_use]
    pub fn calls(&self) -> Option<&[Call]> {
        match self {
            Self::CallsLeft { calls, .. } | Self::Refused { calls, .. } => Some(calls),
            Self::Done
            | Self::Retry { .. }
            | Self::Postpone { .. }
            | Self::Dead { .. }
            | Self::Expired
            | Self::Released => None,
        }
    }

    /// [`Verdict::calls`] as JSON, as both databases store them.
    pub(super) fn calls_json(&self) -> Option<String> {
        self.calls().map(|calls| serde_json::to_string(calls).expect("calls serialize to JSON"))
    }
}

impl VerdictKind {
    /// Whether the attempt counts towards `dispatch.attempts`.
    #[must_use]
    pub fn counts_as_attempt(self) -> bool {
        matches!(self, Self::Retry | Self::Dead)
    }
}
