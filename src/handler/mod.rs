//! Does the work: turns an update into Bot API calls, as data. What happens to the calls, and what
//! happens when there are none to make, is dispatch's affair.

mod commands;

use async_trait::async_trait;

use crate::telegram::Call;
use crate::update::Update;

pub use commands::{Commands, TemplateProblem};

/// Turns an update into calls.
///
/// A handler may be run more than once for one update: when it failed, and when the process ended
/// before what it returned was kept. Calls that it returned are kept and made; then it is not run
/// again.
#[async_trait]
pub trait Handler: Send + Sync {
    /// The calls to make for this update, in order; none is a good answer.
    async fn handle(&self, update: &Update) -> Result<Vec<Call>, HandlerError>;
}

/// Why there is no answer to an update, named for what happens next. A panic and a time-out count
/// as [`HandlerError::Retry`].
///
/// The text is written to the log and kept with the update: it must not hold what a person wrote.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The bot failed: it is tried again, a bounded number of times.
    #[error("the bot failed: {0}")]
    Retry(String),
    /// The bot is away: it is tried again until the update's life ends; that costs no attempt.
    #[error("the bot is away: {0}")]
    Unavailable(String),
    /// The update can never be handled: it lies with the dead at once.
    #[error("the bot refuses the update: {0}")]
    Reject(String),
}
