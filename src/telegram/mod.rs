//! Calls the Bot API: a call returns a result or an error that says what happens next, and neither holds the bot token.
//!
//! The token is part of every URL of the Bot API, so nothing that can hold a URL leaves this module: errors are made
//! without it, redirects are not followed, and the token is removed from Telegram's texts.

mod api;
mod button_url;
mod call;
#[cfg(test)]
mod canary;
mod circuit_breaker;
mod client;
mod counts;
mod direct;
mod download;
mod error;
mod forbidden;
mod gateway_tokens;
mod identity;
mod json_pairs;
pub mod markup;
mod method_name;
mod methods;
mod multipart;
mod params;
mod percent;
mod rate_limited_api;
mod rate_limits;
mod refusal;
mod relay;
mod response;
mod slowness;
mod token;
mod upload;
mod webhook_url;

pub use api::BotApi;
pub use button_url::check_button_url;
pub use call::{Call, RawBody};
pub use circuit_breaker::Permit;
pub(crate) use client::http_client;
pub use counts::{CallOutcome, Counts, MethodGroup};
pub(crate) use direct::https_connector;
pub use download::DownloadError;
pub use error::ApiError;
pub(crate) use error::{cause_of, tls_failure};
pub use forbidden::ReservedMethod;
pub(crate) use forbidden::polling_conflict;
pub use gateway_tokens::{GatewayTokens, PresentedToken};
pub use identity::Identity;
pub use json_pairs::for_each_pair;
pub use method_name::{METHODS, MethodName};
pub use methods::{Me, SetWebhook, WebhookInfo};
pub(crate) use multipart::parts as multipart_parts;
pub(crate) use params::{Params, UploadedFile};
pub(crate) use percent::percent_decoded;
pub use rate_limited_api::{RateLimitedApi, Throttles};
pub use relay::{AnswerLost, Destination, Relay, RelayError};
pub use token::{BotId, BotToken};
pub use upload::{InputFile, UploadError};
pub use webhook_url::{
    PUBLIC_API_HOST, SECRET_HEADER, SECRET_HEADER_AS_SENT, SECRET_TOKEN_FORM, UrlFault, WEBHOOK_PATH, is_public_api,
    is_reserved, is_secret_token,
};
