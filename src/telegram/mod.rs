//! Speaks to the Bot API: one call, one answer or one error that says what happens next, and the
//! bot token in neither.

mod api;
mod call;
mod error;
mod token;

use std::sync::{Arc, OnceLock};

pub use api::{BotApi, Me, SetWebhook, WebhookInfo};
pub use call::Call;
pub use error::ApiError;
pub use token::BotToken;

/// Who the bot is: empty until `getMe` has been answered for the first time.
pub type Identity = Arc<OnceLock<Me>>;
