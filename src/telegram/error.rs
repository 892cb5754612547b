use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::CertificateError;

use super::client::Deadlines;
use super::refusal;
use crate::wording;

/// Why a call was not carried out, named for what happens next. Never holds the bot token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Telegram asks us to wait: call again after `retry_after`.
    #[error("Telegram asks to wait {}", wording::duration(*retry_after))]
    Throttled {
        /// How long to wait, 1 s to 24 h.
        retry_after: Duration,
    },
    /// Telegram will not do it, however often it is asked.
    #[error("Telegram refused it: {code} {}", refusal::masked(description))]
    Refused {
        /// The error code, an HTTP status from 400 to 499.
        code: u16,
        /// Telegram's own words. They can quote what a person wrote: not for a log. Shown as an error, that is masked.
        description: String,
        /// The supergroup that the chat has become, where that is the reason.
        migrate_to_chat_id: Option<i64>,
    },
    /// Nobody answered, or Telegram is in trouble itself (5xx): call again later. The call may
    /// have been carried out all the same.
    #[error("Telegram is not available: {reason}")]
    Unreachable {
        /// What went wrong, without the URL.
        reason: String,
    },
    /// Something answered, but not as the Bot API does: call again later.
    #[error("the answer was not the Bot API's: {reason}")]
    Unreadable {
        /// What was wrong with it; the answer itself is not repeated.
        reason: String,
    },
}

impl ApiError {
    /// What became of a call that could not be sent, or got no answer.
    ///
    /// This is the one place that meets reqwest's errors before an answer: their own text and debug
    /// form show the URL, and so the token.
    pub(super) fn unsent(error: reqwest::Error, deadlines: Deadlines) -> Self {
        let error = error.without_url();
        let reason = if error.is_connect() && error.is_timeout() {
            format!("no connection within {} s", deadlines.connect.as_secs_f32())
        } else if error.is_timeout() {
            format!("no answer within {} s", deadlines.call.as_secs_f32())
        } else {
            in_words(root(&error))
        };
        Self::Unreachable { reason }
    }

    /// The same error, met on the way through this proxy.
    pub(super) fn by_way_of(self, proxy: Option<&str>) -> Self {
        match (self, proxy) {
            (Self::Unreachable { reason }, Some(proxy)) => {
                Self::Unreachable { reason: format!("{reason}, through the proxy at {proxy}") }
            }
            (error, _) => error,
        }
    }

    /// The same error, each text in it passed through `clean`.
    pub(super) fn cleaned(self, clean: impl Fn(&str) -> String) -> Self {
        match self {
            Self::Throttled { .. } => self,
            Self::Refused { code, description, migrate_to_chat_id } => {
                Self::Refused { code, description: clean(&description), migrate_to_chat_id }
            }
            Self::Unreachable { reason } => Self::Unreachable { reason: clean(&reason) },
            Self::Unreadable { reason } => Self::Unreadable { reason: clean(&reason) },
        }
    }
}

/// The first cause, which says most: "failed to lookup address information", "invalid peer
/// certificate", "connection closed before message completed".
pub(super) fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

pub(super) fn in_words(root: &(dyn Error + 'static)) -> String {
    // The library's own sentence lists the host names that are in the certificate.
    if let Some(rustls::Error::InvalidCertificate(
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
    )) = root.downcast_ref()
    {
        return "its TLS certificate is for another host name".to_owned();
    }
    match root.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => "connection refused".to_owned(),
        Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof) => {
            "the connection was closed".to_owned()
        }
        _ => root.to_string(),
    }
}
