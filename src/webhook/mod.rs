//! The webhook: receives updates from Telegram. A request without a valid secret token is refused before its body is
//! read, and 200 means that the update survives a crash.
//!
//! A request without a valid secret token uses no limit that requests of Telegram's need. The memory bound comes after
//! the check, so such a request costs one digest and one constant response.

mod body;
mod counts;
mod outcome;
mod receive;
mod refusal;
mod secret;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;

use receive::{WebhookState, receive};

pub use crate::telegram::{SECRET_HEADER, WEBHOOK_PATH as PATH};
pub use counts::Counts;
pub use outcome::{Acknowledged, Outcome, Reason};
pub use receive::Deps;
pub use secret::Secrets;
pub use source::SourceCheck;

/// The route of the webhook.
pub fn router(deps: Deps) -> Router {
    let state = Arc::new(WebhookState::new(deps));
    Router::new().route(PATH, post(receive).fallback(refusal::method_not_allowed)).with_state(state)
}
