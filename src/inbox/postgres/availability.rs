//! Whether the database can be used, and if not, why and what the operator can do.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;

/// What is known about the database.
pub(super) struct Availability(watch::Sender<State>);

struct State {
    available: bool,
    /// The schema of the bot, from the first time that the database could be used.
    schema: Option<Arc<str>>,
    /// Until this time, lapsed leases are not claimed.
    grace_until: Timestamp,
    outage: Outage,
}

/// Why the database cannot be used.
#[derive(Clone)]
pub(super) struct Outage {
    /// The reason, for the operator. It may name hosts, roles and databases.
    pub(super) reason: String,
    /// What the operator can do. It names nothing, so `/healthz` may show it.
    pub(super) hint: &'static str,
}

impl Availability {
    /// The database has not been tried yet.
    pub(super) fn new() -> Self {
        let outage = Outage { reason: "it does not answer".to_owned(), hint: "Doorbell is connecting to it" };
        Self(watch::Sender::new(State { available: false, schema: None, grace_until: Timestamp::MIN, outage }))
    }

    pub(super) fn is_available(&self) -> bool {
        self.0.borrow().available
    }

    /// Returns when the database can be used.
    pub(super) async fn available(&self) {
        // This does not fail: the sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|state| state.available).await;
    }

    /// Follows the changes, for [`Changes::available_again`].
    pub(super) fn changes(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// The database can be used, with this schema.
    pub(super) fn set_available(&self, schema: Arc<str>, grace_until: Option<Timestamp>) {
        self.0.send_modify(|state| {
            state.available = true;
            state.schema = Some(schema);
            state.grace_until = grace_until.unwrap_or(state.grace_until);
        });
    }

    /// The database cannot be used. Returns whether it could be used until now.
    pub(super) fn set_unavailable(&self) -> bool {
        self.0.send_if_modified(|state| std::mem::replace(&mut state.available, false))
    }

    pub(super) fn set_outage(&self, outage: Outage) {
        self.0.send_modify(|state| state.outage = outage);
    }

    /// The last reason why the database could not be used.
    pub(super) fn outage(&self) -> Outage {
        self.0.borrow().outage.clone()
    }

    /// Until when lapsed leases are not claimed.
    pub(super) fn grace_until(&self) -> Timestamp {
        self.0.borrow().grace_until
    }

    /// The schema of the bot.
    ///
    /// # Errors
    ///
    /// When the database could never be used, so that the schema is not known.
    pub(super) fn schema(&self) -> Result<Arc<str>, sqlx::Error> {
        let unknown = || sqlx::Error::Io(io::Error::other("the database is away"));
        self.0.borrow().schema.clone().ok_or_else(unknown)
    }
}

/// Sees each time that the database can be used again.
pub(super) struct Changes(watch::Receiver<State>);

impl Changes {
    pub(super) async fn available_again(&mut self) {
        while self.0.changed().await.is_ok() {
            if self.0.borrow_and_update().available {
                return;
            }
        }
    }
}
