use axum::response::{IntoResponse, Response};
use http::header::ALLOW;
use http::{HeaderValue, StatusCode};

use super::body::DEADLINE;
use super::outcome::Reason;
use crate::http::Problem;
use crate::inbox::{InboxError, Unhandled};
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
    Overloaded,
    BrokenOff,
    TooSlow,
    NotAnUpdate(#[from] NotAnUpdate),
    NotStored(#[from] InboxError),
}

impl Refusal {
    /// The reason under which it is counted.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Unauthorized => Reason::Secret,
            Self::Foreign => Reason::Source,
            Self::NoLength => Reason::NoLength,
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Encoded => Reason::Encoded,
            Self::Expectation => Reason::Expectation,
            Self::Overloaded => Reason::Overloaded,
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
                "With webhook.source_check = \"enforce\", updates are accepted only from the addresses in \
                 webhook.source_ranges. With \"report\", others are accepted and counted.",
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
                "Send it uncompressed, without Content-Encoding.",
            ),
            Refusal::Expectation => Self::new(
                StatusCode::EXPECTATION_FAILED,
                "The header Expect is not supported",
                "Send the body without the header Expect (with curl: -H 'Expect:').",
            ),
            Refusal::Overloaded => not_stored("Too many updates are arriving at once", 1),
            Refusal::BrokenOff => {
                Self::new(StatusCode::BAD_REQUEST, "The body broke off", "Send as many bytes as Content-Length says.")
            }
            Refusal::TooSlow => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                "The body took too long",
                format!("It must arrive within {} s.", DEADLINE.as_secs()),
            ),
            Refusal::NotAnUpdate(error) => Self::new(
                StatusCode::BAD_REQUEST,
                "This is not an update",
                format!("{error}; an update is a JSON object such as {{\"update_id\": 1, \"message\": {{…}}}}."),
            ),
            Refusal::NotStored(InboxError::NotHandled { why: Unhandled::Late }) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "The update was not handled in time",
                "With inbox.url = \"memory:\", an update is acknowledged after it has been handled. The handler or the \
                 Bot API is slow or does not answer; the log of the service says which. Nothing was acknowledged; \
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

/// A 503: nothing was acknowledged, so Telegram keeps the update and offers it again after exactly `retry_after` seconds.
/// Without the header it doubles its wait from 2 s, and comes back long after the store does. With 0 it comes back at
/// once, because a service that stops usually has a successor. It drops an update that would expire before the retry.
fn not_stored(title: &'static str, retry_after: u16) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, "Nothing was acknowledged; offer the update again later.")
        .retry_after(retry_after)
}

pub(super) async fn method_not_allowed() -> Response {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Only POST is allowed here",
        "Telegram delivers updates to this address with POST.",
    );
    ([(ALLOW, HeaderValue::from_static("POST"))], problem).into_response()
}
