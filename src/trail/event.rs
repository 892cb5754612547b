use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::update::{ChatKey, Kind};

/// What [`Event::Known`] means, in the words of the log and of the pages.
pub const KNOWN: &str = "delivered again: the id was known, so it was answered with 200 and nothing else";

/// Something that happened to an update, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// The time of day.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen to an update. A reason never holds what a person wrote.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A request with it was answered with 200 after it became durable. The time of the step is the beginning of the
    /// request.
    Stored {
        /// Its kind.
        kind: Kind,
        /// Its key.
        #[serde(serialize_with = "as_text")]
        chat_key: ChatKey,
        /// The length of its body, in bytes.
        bytes: usize,
        /// From the beginning of the request to the answer.
        #[serde(serialize_with = "in_ms")]
        took: Duration,
    },
    /// A request with it was answered with 200, because its id was known.
    Known,
    /// A request with it was not acknowledged.
    NotStored {
        /// Why.
        reason: &'static str,
    },
    /// An attempt to handle it began.
    Started {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// The handler returned calls, or none.
    Handled {
        /// How many.
        calls: usize,
        /// How long the handler ran.
        #[serde(serialize_with = "in_ms")]
        took: Duration,
    },
    /// The handler failed.
    Failed {
        /// Why.
        reason: String,
        /// How long the handler ran.
        #[serde(serialize_with = "in_ms")]
        took: Duration,
    },
    /// Your own bot was sent the update.
    Forwarded {
        /// The status of its answer, if there was one.
        status: Option<u16>,
        /// What the answer means.
        outcome: &'static str,
        /// From the request to the answer.
        #[serde(serialize_with = "in_ms")]
        took: Duration,
    },
    /// A call of the Bot API was made, or was given up.
    Called {
        /// The method.
        method: String,
        /// Its outcome.
        outcome: &'static str,
        /// What Telegram refused, or why there was no answer.
        error: Option<String>,
        /// With the wait for the rate limits.
        #[serde(serialize_with = "in_ms")]
        took: Duration,
    },
    /// The attempt ended.
    Ended {
        /// Its verdict.
        verdict: &'static str,
        /// Why, if it did not succeed.
        reason: Option<String>,
        /// When the next attempt is made, if there is one.
        next_at: Option<Timestamp>,
    },
    /// The operator put the dead-letter update back.
    Revived,
    /// The operator erased the dead-letter update.
    Discarded,
}

impl Step {
    /// The memory that the texts of the step take, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.event {
            Event::Failed { reason, .. } => reason.len(),
            Event::Called { method, error, .. } => method.len() + error.as_ref().map_or(0, String::len),
            Event::Ended { reason, .. } => reason.as_ref().map_or(0, String::len),
            // The name of a kind that is not known is as long as the sender likes.
            Event::Stored { kind, .. } => kind.name().len(),
            Event::Known
            | Event::NotStored { .. }
            | Event::Started { .. }
            | Event::Handled { .. }
            | Event::Forwarded { .. }
            | Event::Revived
            | Event::Discarded => 0,
        }
    }
}

fn as_text<S: serde::Serializer>(key: &ChatKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(key)
}

fn in_ms<S: serde::Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(took.as_secs_f64() * 1_000.0)
}
