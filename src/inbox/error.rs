//! The errors of an inbox, named for what the caller does next.

use std::sync::Arc;

use super::delivery::Lease;

/// The error of an operation on the inbox.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The inbox is full: offer the update again later.
    #[error("the inbox is full: inbox.capacity is {capacity}")]
    Full {
        /// The most updates that may wait, be claimed or be dead.
        capacity: usize,
    },
    /// The store does not work at the moment: try again later.
    #[error("the inbox cannot be used now")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// Only with `memory:`, which acknowledges an update when it has been handled: offer it again later.
    #[error("the update was not handled: {why}")]
    NotHandled {
        /// The cause.
        why: Unhandled,
    },
    /// The lease had ended and the update was claimed again: drop the result.
    #[error("the lease of update {} was lost", .0.update_id)]
    LeaseLost(Lease),
    /// The inbox cannot be opened: an operator must change something.
    #[error("{message}")]
    Unusable {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
        /// What the store reported.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}

impl InboxError {
    /// [`InboxError::Unusable`] for which no other error is the cause.
    pub(super) fn unusable(message: String, hint: &str) -> Self {
        Self::Unusable { message, hint: hint.to_owned(), source: None }
    }

    /// The text for `/healthz` and `/readyz`, which is public. The error's own text may name hosts, roles,
    /// databases and files, and is for the operator's log.
    #[must_use]
    pub fn public_message(&self) -> String {
        match self {
            Self::Full { .. } | Self::NotHandled { .. } => self.to_string(),
            Self::Unavailable(source) => match source.downcast_ref::<Away>() {
                Some(away) => format!("the inbox cannot be used now: {away}"),
                None => "the inbox cannot be used now: the log says why".to_owned(),
            },
            Self::LeaseLost(_) | Self::Unusable { .. } => "the inbox cannot be used: the log says why".to_owned(),
        }
    }
}

/// Why an update was not handled in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unhandled {
    /// It took too long. The attempt may still be running.
    #[error("it took too long")]
    Late,
    /// The service is stopping.
    #[error("the service stops")]
    Stopping,
}

/// The database cannot be reached. The text says what can be done, and contains no name of a host, role or database.
#[derive(Debug, thiserror::Error)]
#[error("the database is away: {0}")]
pub(super) struct Away(pub(super) &'static str);
