//! Speaks to the Bot API: one call, one answer or one error that says what happens next, and the
//! bot token in neither.
//!
//! The token is part of every URL here, so nothing that can hold a URL leaves this room: errors are
//! made without it, redirects are not followed, and what Telegram says is searched for it.

mod answer;
mod api;
mod call;
#[cfg(test)]
mod canary;
mod client;
mod counts;
mod error;
mod forbidden;
mod gate;
mod methods;
mod pace;
mod refusal;
mod ring;
mod token;

use std::sync::{Arc, OnceLock};

pub use api::BotApi;
pub use call::Call;
pub use client::tls;
pub use counts::{Answered, Counts, Group};
pub use error::ApiError;
pub use gate::Pass;
pub use methods::{Me, SetWebhook, WebhookInfo};
pub use pace::PacedApi;
pub use ring::{Answer, NotDelivered, ring, visit};
pub use token::{BotId, BotToken};

/// Who the bot is: empty until `getMe` has been answered for the first time.
pub type Identity = Arc<OnceLock<Me>>;
