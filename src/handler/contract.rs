use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::telegram::{ApiError, Call, DownloadError, RateLimitedApi, UploadError};
use crate::telemetry::Span;
use crate::update::Update;

/// Turns an update into calls.
///
/// A handler may run more than once for an update: after it failed, and after the process ended before the returned
/// calls were stored. Once the calls are stored, the handler does not run again for that update.
#[async_trait]
pub trait Handler: Send + Sync {
    /// Returns the calls to make for this update, in order. An empty list is valid.
    async fn handle(&self, update: &Update, context: &Context<'_>) -> Result<Vec<Call>, HandlerError>;

    /// Whether [`Handler::handle`] can have effects in addition to the calls that it returns, for example a request to
    /// another service.
    ///
    /// A crash repeats the effects of at most `dispatch.concurrency` updates. A handler without side effects is faster:
    /// its updates without calls have nothing to repeat, so they do not count.
    fn has_side_effects(&self) -> bool {
        true
    }

    /// How many updates the handler takes at the same time, now and whenever that changes. Dispatch claims no more than
    /// that, so updates wait in the inbox and cost no attempt. Calls that are left of handled updates need no handler and
    /// are made meanwhile. `None` means any number.
    fn capacity(&self) -> Option<watch::Receiver<Capacity>> {
        None
    }

    /// The time limit of one run. `None` means `dispatch.handler_timeout`.
    fn time_limit(&self) -> Option<Duration> {
        None
    }
}

/// How many updates a handler takes at the same time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// The most; 0 while the handler is away.
    pub updates: usize,
    /// Whether dispatch may reserve a part of it for urgent updates. A handler that takes one update at a time for the
    /// moment has nothing to reserve.
    pub is_divisible: bool,
}

/// What a handler may know and use in addition to the update.
pub struct Context<'a> {
    /// The number of this attempt, from 1.
    pub attempt: u32,
    /// Why this attempt is made.
    pub trigger: Trigger,
    /// The W3C `traceparent` of this attempt, where traces are exported.
    pub traceparent: Option<String>,
    /// The span of this attempt, where traces are exported. A handler that sends requests can start their spans from it.
    pub span: Option<&'a Span>,
    /// The Bot API, for calls whose result the handler needs. A call that only has to be made must be in the returned list,
    /// because only those are kept over a crash and made once: a call that the handler makes itself is made again whenever
    /// the handler runs again.
    pub api: &'a RateLimitedApi,
}

/// Why an attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The update is new.
    First,
    /// An earlier attempt failed.
    Retry,
    /// The update was a dead-letter update, and the operator has put it back: this is its first attempt since.
    Replay,
}

/// Why a handler returned no calls, named for what happens next. A panic and a time-out count as
/// [`HandlerError::Retry`].
///
/// The text goes to the log and is stored with the update, so it must not hold what a person wrote.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The bot failed. The update is tried again a bounded number of times.
    #[error("the bot failed: {0}")]
    Retry(String),
    /// The bot is away. The update is tried again until its lifetime ends, which costs no attempt.
    #[error("the bot is away: {0}")]
    Unavailable(String),
    /// The update can never be handled. It becomes a dead-letter update at once.
    #[error("the bot refuses the update: {0}")]
    Reject(String),
}

/// Says what happens to an update whose handler could not make a call. The text holds nothing that a person wrote.
impl From<ApiError> for HandlerError {
    fn from(error: ApiError) -> Self {
        let text = error.to_string();
        match error {
            // With a token that is not valid, every call fails.
            ApiError::Throttled { .. }
            | ApiError::Unreachable { .. }
            | ApiError::Unreadable { .. }
            | ApiError::Refused { code: 401, .. } => Self::Unavailable(text),
            // It may have been carried out, so it is not repeated without a bound.
            ApiError::Unknown { .. } => Self::Retry(text),
            ApiError::Refused { .. } | ApiError::NotAllowed { .. } => Self::Reject(text),
        }
    }
}

impl From<DownloadError> for HandlerError {
    fn from(error: DownloadError) -> Self {
        match error {
            DownloadError::Api(error) => error.into(),
            DownloadError::TooLarge { .. } | DownloadError::NotServed => Self::Reject(error.to_string()),
        }
    }
}

impl From<UploadError> for HandlerError {
    fn from(error: UploadError) -> Self {
        Self::Reject(error.to_string())
    }
}
