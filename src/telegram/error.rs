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
    /// There was no connection, or Telegram is in trouble itself (5xx): the call was not carried out.
    /// Call again later.
    #[error("Telegram is not available: {reason}")]
    Unreachable {
        /// What went wrong, without the URL.
        reason: String,
    },
    /// Something in front of the Bot API answered in its place: the call was not carried out. Call
    /// again later.
    #[error("the answer was not the Bot API's: {reason}")]
    Unreadable {
        /// What was wrong with it; the answer itself is not repeated.
        reason: String,
    },
    /// The call was sent, and its answer was lost or cannot be read: it may have been carried out. Call
    /// again a bounded number of times, because each time may be one message more.
    #[error("no answer of Telegram's could be read: {reason}")]
    Unknown {
        /// What became of the answer; the answer itself is not repeated.
        reason: String,
    },
    /// No bot may call this method through Doorbell. Nothing was sent.
    #[error("a bot behind Doorbell may not call {method}: {why}")]
    NotAllowed {
        /// The method, in Telegram's spelling.
        method: &'static str,
        /// What the call would do.
        why: &'static str,
    },
}

impl ApiError {
    /// Whether this refusal is part of ordinary life and leaves nothing to mend: the person blocked
    /// the bot or left the chat (403), or what the call asks for is over or has happened already.
    ///
    /// Telegram gives the last no code of their own, so they are known by its words.
    #[must_use]
    pub fn is_ordinary_refusal(&self) -> bool {
        const OVER: [&str; 3] = ["query is too old", "message is not modified", "message to delete not found"];
        let Self::Refused { code, description, .. } = self else { return false };
        *code == 403 || (*code == 400 && OVER.iter().any(|words| description.contains(words)))
    }

    /// What became of a call that got no answer: without a connection nothing can have been carried out.
    ///
    /// This is the one place that meets reqwest's errors before an answer: their own text and debug
    /// form show the URL, and so the token.
    pub(super) fn unanswered(error: reqwest::Error, deadlines: Deadlines) -> Self {
        let error = error.without_url();
        let reason = if error.is_connect() && error.is_timeout() {
            format!("no connection within {} s", deadlines.connect.as_secs_f32())
        } else if error.is_timeout() {
            format!("no answer within {} s", deadlines.call.as_secs_f32())
        } else {
            in_words(root(&error))
        };
        if error.is_connect() || error.is_builder() { Self::Unreachable { reason } } else { Self::Unknown { reason } }
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
            Self::Throttled { .. } | Self::NotAllowed { .. } => self,
            Self::Refused { code, description, migrate_to_chat_id } => {
                Self::Refused { code, description: clean(&description), migrate_to_chat_id }
            }
            Self::Unreachable { reason } => Self::Unreachable { reason: clean(&reason) },
            Self::Unreadable { reason } => Self::Unreadable { reason: clean(&reason) },
            Self::Unknown { reason } => Self::Unknown { reason: clean(&reason) },
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

/// The first cause of an error of a request, in a few words.
pub(crate) fn cause_of(error: &(dyn Error + 'static)) -> String {
    in_words(root(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, description: &str) -> ApiError {
        ApiError::Refused { code, description: description.to_owned(), migrate_to_chat_id: None }
    }

    #[test]
    fn a_refusal_is_ordinary_where_nothing_is_left_to_mend() {
        for (code, description) in [
            (403, "Forbidden: bot was blocked by the user"),
            (403, "Forbidden: user is deactivated"),
            (400, "Bad Request: query is too old and response timeout expired or query ID is invalid"),
            (400, "Bad Request: message is not modified: specified new message content and reply markup are exactly"),
            (400, "Bad Request: message to delete not found"),
        ] {
            assert!(refused(code, description).is_ordinary_refusal(), "{description}");
        }
        for (code, description) in [
            (400, "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0"),
            (400, "Bad Request: chat not found"),
            (400, "Bad Request: not enough rights to send text messages to the chat"),
            (404, "Not Found: method not found"),
        ] {
            assert!(!refused(code, description).is_ordinary_refusal(), "{description}");
        }
        assert!(!ApiError::Unreachable { reason: "query is too old".to_owned() }.is_ordinary_refusal());
    }
}
