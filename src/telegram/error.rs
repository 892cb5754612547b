use std::error::Error;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustls::CertificateError;

use super::client::Deadlines;
use super::refusal;
use crate::humanize;

/// Why a call was not carried out, named for what happens next. It never holds the bot token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Telegram asks to wait. Call again after `retry_after`.
    #[error("Telegram asks to wait {}", humanize::duration(*retry_after))]
    Throttled {
        /// How long to wait, 1 s to 24 h.
        retry_after: Duration,
    },
    /// Telegram refused the call, and would refuse it again.
    #[error("Telegram refused it: {code} {}", refusal::masked(description))]
    Refused {
        /// The error code, an HTTP status from 400 to 499.
        code: u16,
        /// Telegram's description. It can quote what a person wrote, so it must not be logged. `Display` masks it.
        description: String,
        /// The id of the supergroup that the chat has become, if that is the reason.
        migrate_to_chat_id: Option<i64>,
    },
    /// There was no connection, or Telegram answered with a server error (5xx). The call was not carried out. Call again
    /// later.
    #[error("Telegram is not available: {reason}")]
    Unreachable {
        /// What went wrong, without the URL.
        reason: String,
    },
    /// A server in front of the Bot API answered instead of it. The call was not carried out. Call again later.
    #[error("the answer was not the Bot API's: {reason}")]
    Unreadable {
        /// What was wrong with the answer. The answer itself is not repeated.
        reason: String,
    },
    /// The call was sent, and its answer was lost or cannot be read. It may have been carried out. Call again only a
    /// bounded number of times, because each call may show one more message.
    #[error("no answer of Telegram's could be read: {reason}")]
    Unknown {
        /// What happened to the answer. The answer itself is not repeated.
        reason: String,
    },
    /// A handler must not call this method. Nothing was sent.
    #[error("a bot behind Doorbell may not call {method}: {why}")]
    NotAllowed {
        /// The method, in Telegram's spelling.
        method: &'static str,
        /// The reason.
        why: &'static str,
    },
}

impl ApiError {
    /// Whether this refusal is ordinary, so that no correction is necessary: the person blocked the bot or left the
    /// chat (403), the call came too late, or its effect is there already.
    ///
    /// Telegram has no code for the last two, so they are recognised by the description.
    #[must_use]
    pub fn is_ordinary_refusal(&self) -> bool {
        const ORDINARY: [&str; 3] = ["query is too old", "message is not modified", "message to delete not found"];
        let Self::Refused { code, description, .. } = self else { return false };
        *code == 403 || (*code == 400 && ORDINARY.iter().any(|text| description.contains(text)))
    }

    /// The error of a call without an answer. If there was no connection, the call was not carried out.
    ///
    /// Only this function handles reqwest's errors before an answer, because their text and debug form show the URL and
    /// so the token.
    pub(super) fn without_answer(error: reqwest::Error, deadlines: Deadlines) -> Self {
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

    /// Adds the proxy to the reason, if the call went through one.
    pub(super) fn through_proxy(self, proxy: Option<&str>) -> Self {
        match (self, proxy) {
            (Self::Unreachable { reason }, Some(proxy)) => {
                Self::Unreachable { reason: format!("{reason}, through the proxy at {proxy}") }
            }
            (error, _) => error,
        }
    }

    /// Replaces each text in the error by `clean` of it.
    pub(super) fn map_text(self, clean: impl Fn(&str) -> String) -> Self {
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

/// The innermost source of an error. It says most, such as "failed to lookup address information", "invalid peer
/// certificate" or "connection closed before message completed".
pub(super) fn root<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut root = error;
    while let Some(source) = root.source() {
        root = source;
    }
    root
}

/// Describes the innermost source of an error.
pub(super) fn in_words(root: &(dyn Error + 'static)) -> String {
    // The text of the library would list all host names in the certificate.
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

/// Why the TLS of a connection failed, in a few words. `None` if something else failed.
pub(crate) fn tls_failure(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return Some(in_words(error));
        }
        // The source of such an error is the source of the error in it.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, description: &str) -> ApiError {
        ApiError::Refused { code, description: description.to_owned(), migrate_to_chat_id: None }
    }

    #[test]
    fn a_refusal_is_ordinary_where_nothing_has_to_be_corrected() {
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
