use axum::response::{IntoResponse, Response};
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};

use super::{Reason, body};
use crate::inbox::{InboxError, Unhandled};
use crate::problem::Problem;
use crate::update::NotAnUpdate;

/// Why a request was not acknowledged.
#[derive(Debug, thiserror::Error)]
#[error("refused: {self:?}")]
pub(super) enum Refusal {
    Unauthorized,
    Foreign,
    NoLength,
    TooLarge { limit: usize },
    Encoded,
    Expectation,
    Crowded,
    BrokenOff,
    TooSlow,
    NotAnUpdate(#[from] NotAnUpdate),
    NotStored(#[from] InboxError),
}

impl Refusal {
    /// What it is counted as.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Unauthorized => Reason::Secret,
            Self::Foreign => Reason::Source,
            Self::NoLength => Reason::NoLength,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Encoded => Reason::Encoded,
            Self::Expectation => Reason::Expectation,
            Self::Crowded => Reason::Crowded,
            Self::BrokenOff => Reason::BrokenOff,
            Self::TooSlow => Reason::TooSlow,
            Self::NotAnUpdate(_) => Reason::NotAnUpdate,
            Self::NotStored(InboxError::Full { .. }) => Reason::Full,
            Self::NotStored(InboxError::Unavailable(_) | InboxError::LeaseLost(_) | InboxError::Unusable { .. }) => {
                Reason::NotStored
            }
            Self::NotStored(InboxError::NotHandled { .. }) => Reason::NotHandled,
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthorized => Self::new(
                StatusCode::UNAUTHORIZED,
                "The secret token is missing or wrong",
                "Send it in the header X-Telegram-Bot-Api-Secret-Token; `doorbell webhook secret` prints it. If \
                 Telegram gets this answer, the webhook was registered with another secret token: restart the \
                 service, or run `doorbell webhook set`.",
            ),
            Refusal::Foreign => Self::new(
                StatusCode::FORBIDDEN,
                "This address is not one of Telegram's",
                "Updates are taken from the addresses in webhook.source_ranges only, as webhook.source_check = \
                 \"enforce\" demands; with \"report\", others are let in and counted.",
            ),
            Refusal::NoLength => Self::new(
                StatusCode::LENGTH_REQUIRED,
                "The length of the body is missing",
                "Send the body with a Content-Length header, not in chunks.",
            ),
            Refusal::TooLarge { limit } => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "The body is too large",
                format!("The limit is {limit} bytes; no update of Telegram's is larger than 525 KB."),
            ),
            Refusal::Encoded => Self::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body is compressed",
                "Send it as it is, without Content-Encoding.",
            ),
            Refusal::Expectation => Self::new(
                StatusCode::EXPECTATION_FAILED,
                "There is no answer before the answer",
                "Send the body without the header Expect (with curl: -H 'Expect:').",
            ),
            Refusal::Crowded => not_stored("Too many updates are arriving at once", 1),
            Refusal::BrokenOff => {
                Self::new(StatusCode::BAD_REQUEST, "The body broke off", "Send as many bytes as Content-Length says.")
            }
            Refusal::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long",
                format!("It must arrive within {} s.", body::DEADLINE.as_secs()),
            ),
            Refusal::NotAnUpdate(error) => Self::new(
                StatusCode::BAD_REQUEST,
                "This is not an update",
                format!("{error}; an update is a JSON object such as {{\"update_id\": 1, \"message\": {{…}}}}."),
            ),
            Refusal::NotStored(InboxError::NotHandled { why: Unhandled::Late }) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The update was not handled in time",
                "With memory: in place of a store, an update is acknowledged when it has been handled. What handles it, or \
                 the Bot API, is slow or does not answer; the log of the service says which. Nothing was acknowledged; \
                 offer the update again later.",
            )
            .retry_after(2),
            Refusal::NotStored(InboxError::NotHandled { why: Unhandled::Stopping }) => {
                not_stored("The service is stopping", 0)
            }
            Refusal::NotStored(InboxError::Full { .. }) => not_stored("The inbox is full", 1),
            Refusal::NotStored(InboxError::Unavailable(_) | InboxError::LeaseLost(_) | InboxError::Unusable { .. }) => {
                not_stored("The update could not be stored", 1)
            }
        }
    }
}

/// Nothing was acknowledged: Telegram keeps the update and offers it again. It comes back exactly after that many
/// seconds; without a number it doubles its wait from 2 s, and comes long after the store is back. With 0 its first
/// retry comes at once: a service that stops has a successor most of the time. It drops an update that would expire
/// before the retry.
fn not_stored(title: &'static str, retry_after: u16) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, "Nothing was acknowledged; offer the update again later.")
        .retry_after(retry_after)
}

pub(super) async fn wrong_method() -> Response {
    let mut response = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only POST is allowed here",
        "Telegram delivers updates to this address with POST.",
    )
    .into_response();
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}
