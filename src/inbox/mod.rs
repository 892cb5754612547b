//! Keeps what arrived: an update that was accepted survives a crash, is given out one at a time per
//! chat in the order of acceptance, and is forgotten only after somebody has said how it ended.
//!
//! The webhook and dispatch meet here and nowhere else.

mod arrivals;
mod counts;
mod lanes;
mod memory;
mod order;
mod postgres;
mod record;
mod sqlite;
mod surveyor;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;
use crate::settings::{InboxSettings, InboxUrl, Platform};
use crate::telegram::{BotId, Call};
use crate::update::{ChatKey, Update, UpdateId};

pub use counts::Counts;
pub use record::{Record, Selection, UpdateState};
pub use surveyor::Surveyor;

/// Keeps updates. Every keeper holds each promise written here; one suite of tests runs against
/// them all.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Returns once the update would survive a crash, or is known already.
    ///
    /// Known means: an update of this very id was accepted within the last `keep_done`, whatever
    /// has become of it since.
    ///
    /// # Errors
    ///
    /// The update is not kept: nothing may be acknowledged.
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError>;

    /// Returns when there may be something to claim. Dropping the future loses nothing.
    async fn due(&self);

    /// Takes up to `limit` updates whose turn it is, and holds each under a lease.
    ///
    /// No two of one chat are held at once, over all instances; within a chat they come in the
    /// order of acceptance. Never waits for more to arrive.
    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, InboxError>;

    /// Records how an attempt ended, durably, and ends the lease.
    ///
    /// # Errors
    ///
    /// [`InboxError::LeaseLost`] when the lease lapsed and the update was given to somebody else:
    /// nothing is recorded then.
    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError>;

    /// Prolongs leases, each to a full [`LEASE`] from now. Those that were lost are passed over.
    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError>;

    /// Counts what is kept.
    async fn survey(&self) -> Result<Survey, InboxError>;

    /// The updates of a state, the oldest first.
    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError>;

    /// Puts dead updates back to waiting, with all their attempts before them; each goes to the end
    /// of its chat's line. Returns the ids that were.
    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError>;

    /// Forgets the bodies of dead updates for good; their ids stay known. Returns the ids that were.
    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError>;

    /// Puts updates with lapsed leases back to waiting and forgets, in bounded steps, what ended
    /// longer than `keep_done` ago.
    async fn sweep(&self) -> Result<(), InboxError>;
}

/// Opens the inbox that the settings name, for this bot alone: updates of two bots have the same ids.
/// The soft stop of `shutdown` tells it that the service claims nothing any more. What it does in the background is
/// supervised there, and ends by itself then. What it does is counted in `counts`.
///
/// # Errors
///
/// [`InboxError::Unusable`] when it cannot be opened as things are.
pub fn open(
    settings: &InboxSettings,
    bot: BotId,
    clock: SharedClock,
    shutdown: &Shutdown,
    counts: Arc<Counts>,
) -> Result<Arc<dyn Inbox>, InboxError> {
    match &settings.url {
        InboxUrl::Sqlite(path) => {
            Ok(Arc::new(sqlite::SqliteInbox::open(path, settings, bot, clock, shutdown, counts)?))
        }
        InboxUrl::Memory => Ok(Arc::new(memory::MemoryInbox::new(settings, clock, shutdown.soft.clone(), counts))),
        InboxUrl::Postgres(url) => {
            Ok(Arc::new(postgres::PostgresInbox::open(url, settings, Some(bot), clock, shutdown.clone(), counts)?))
        }
    }
}

/// Opens the inbox for an operator's command: to look, and to revive or discard dead updates, beside
/// the service that may be using it. Nothing is claimed through it. The bot need not be named where the
/// inbox is that of one bot only.
///
/// # Errors
///
/// [`InboxError::Unusable`] when it cannot be opened as things are, and for an inbox in memory, which
/// lives in the service's process alone.
pub fn visit(settings: &InboxSettings, bot: Option<BotId>, clock: SharedClock) -> Result<Arc<dyn Inbox>, InboxError> {
    match &settings.url {
        InboxUrl::Sqlite(path) => Ok(Arc::new(sqlite::SqliteInbox::visit(path, settings, clock)?)),
        InboxUrl::Memory => Err(InboxError::Unusable {
            message: "the inbox is in the memory of the service, where no other process can look".to_owned(),
            hint: "Its dead updates are in the service's log. Where they matter, use DATABASE_URL=sqlite:PATH or \
                   PostgreSQL."
                .to_owned(),
            source: None,
        }),
        InboxUrl::Postgres(url) => {
            Ok(Arc::new(postgres::PostgresInbox::open(url, settings, bot, clock, Shutdown::new(), Arc::default())?))
        }
    }
}

/// What is found of an inbox by somebody who is not the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// A running service owns it.
    InUse(Survey),
    /// A service could start on it.
    Free(Survey),
    /// A service would make it.
    NotYet,
    /// Only the running service can say: it lies in its memory, or in a database that many share.
    InService,
}

/// Looks into the inbox that the settings name, without changing anything or disturbing anybody.
///
/// # Errors
///
/// [`InboxError::Unusable`] when a service could not use it as things are.
pub fn inspect(settings: &InboxSettings, bot: BotId) -> Result<Inspection, InboxError> {
    match &settings.url {
        InboxUrl::Sqlite(path) => sqlite::inspect(path, bot),
        InboxUrl::Memory | InboxUrl::Postgres(_) => Ok(Inspection::InService),
    }
}

/// What the operator should know when the inbox lies where the next deploy erases it.
#[must_use]
pub fn ephemeral(settings: &InboxSettings, platform: &Platform) -> Option<String> {
    let name = platform.name?;
    let InboxUrl::Sqlite(path) = &settings.url else { return None };
    sqlite::is_on_system_disk(path).then(|| {
        format!(
            "The inbox {} lies on a disk that {name} erases at every deploy and restart: updates that are acknowledged \
             but not handled by then are lost. Set DATABASE_URL to memory: (Telegram then keeps what is not handled), \
             to sqlite:PATH on a mounted disk, or to a PostgreSQL URL.",
            path.display()
        )
    })
}

/// What ended before this moment may be forgotten.
fn ended_before(now: Timestamp, keep_done: Duration) -> Timestamp {
    SignedDuration::try_from(keep_done).ok().and_then(|kept| now.checked_sub(kept).ok()).unwrap_or(Timestamp::MIN)
}

/// How long a claimed update is held without a sign of life from whoever claimed it.
pub const LEASE: Duration = Duration::from_mins(1);

/// What became of an update that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is kept now.
    Stored,
    /// It was known already; nothing changed.
    Known,
}

/// An update given out to be handled.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The update.
    pub update: Update,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The right to settle it.
    pub lease: Lease,
    /// Calls that an earlier attempt could not make: they are made instead of running the handler.
    pub calls_left: Option<Vec<Call>>,
    /// How many times in a row the process that had it died before it said how it ended, as far as is known. It may be
    /// what the process died of; one that has ended otherwise begins again at none.
    pub deaths: u32,
}

/// The right to settle one delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The update that is held.
    pub update_id: UpdateId,
    /// Who is served after it.
    pub chat_key: ChatKey,
    /// The fencing token: a later delivery of the same update has a greater one.
    pub token: i64,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Handled, every call made.
    Done,
    /// It failed and is tried again at `at`; it has cost an attempt.
    Retry {
        /// When.
        at: Timestamp,
        /// Why, in words for the operator.
        reason: String,
    },
    /// Nobody was there to do it: it is tried again at `at` and has cost no attempt.
    Postpone {
        /// When.
        at: Timestamp,
        /// Why, in words for the operator.
        reason: String,
    },
    /// Handled, but these calls are still to be made, from `at` on. It has cost no attempt.
    CallsLeft {
        /// The calls that have not been made, in order.
        calls: Vec<Call>,
        /// When.
        at: Timestamp,
        /// Why, in words for the operator.
        reason: String,
    },
    /// It lies with the dead updates until somebody revives or discards it.
    Dead {
        /// Why, in words for the operator.
        reason: String,
    },
    /// Its life was over before it was handled.
    Expired,
    /// It was interrupted: everything is as it was before the claim.
    Released,
}

/// What an inbox holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Survey {
    /// Updates whose turn is to come.
    pub waiting: u64,
    /// Updates that are being handled.
    pub held: u64,
    /// Dead updates.
    pub dead: u64,
    /// When the oldest update that waits or is held arrived.
    pub oldest: Option<Timestamp>,
}

/// Why the inbox did not do what it was asked, named for what happens next.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// As many updates wait as may: offer it again later.
    #[error("the inbox is full: {capacity} updates wait")]
    Full {
        /// The most updates that may wait.
        capacity: usize,
    },
    /// The store cannot be used now: offer it again later.
    #[error("the inbox cannot be used now")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
    /// The service stops and nobody handles the update any more: offer it again at once, to its successor.
    #[error("the service stops")]
    Stopping,
    /// The lease had lapsed and the update was given to somebody else.
    #[error("the lease of update {} was lost", .0.update_id)]
    LeaseLost(Lease),
    /// The inbox cannot be opened as things are: somebody has to change something.
    #[error("{message}")]
    Unusable {
        /// What is wrong.
        message: String,
        /// What to do about it.
        hint: String,
        /// What the store said.
        #[source]
        source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    },
}
