//! Speaks to the Bot API: one call, one answer or one error that says what happens next, and the
//! bot token in neither.
//!
//! The token is part of every URL here, so nothing that can hold a URL leaves this room: errors are
//! made without it, redirects are not followed, and what Telegram says is searched for it.

mod answer;
mod api;
mod button_url;
mod call;
#[cfg(test)]
mod canary;
mod client;
mod command;
mod counts;
mod error;
mod forbidden;
mod gate;
mod identity;
pub mod markup;
mod methods;
mod pace;
mod refusal;
mod token;
mod webhook_url;

pub use api::BotApi;
pub use button_url::check_button_url;
pub use call::Call;
pub(crate) use client::http_client;
pub use client::tls;
pub use command::{command_length, is_part_of_a_word};
pub use counts::{Answered, Counts, Group};
pub use error::ApiError;
pub(crate) use error::cause_of;
pub use gate::Pass;
pub use identity::Identity;
pub use methods::{Me, SetWebhook, WebhookInfo};
pub use pace::PacedApi;
pub use token::{BotId, BotToken};
pub use webhook_url::{
    PUBLIC_API_HOST, SECRET_HEADER, SECRET_HEADER_AS_SENT, SECRET_TOKEN_FORM, UrlFault, WEBHOOK_PATH, is_public_api,
    is_reserved, is_secret_token,
};
