//! Opens the store that `inbox.url` names.

use std::sync::Arc;

use super::contract::Inbox;
use super::counts::Counts;
use super::deps::Deps;
use super::error::InboxError;
use super::memory::MemoryInbox;
use super::postgres::{Access, PostgresInbox};
use super::sqlite::{self, SqliteInbox};
use super::stored::Stored;
use super::survey::Inspection;
use crate::clock::SharedClock;
use crate::lifecycle::Shutdown;
use crate::settings::{InboxSettings, InboxUrl, Platform};
use crate::telegram::BotId;

/// Opens the inbox of this bot. Updates of two bots have the same ids, so each bot has an inbox of its own.
///
/// The soft stop of `shutdown` means that nothing is claimed any more: background tasks, which are supervised, end
/// then. `counts` counts what the store does.
///
/// # Errors
///
/// [`InboxError::Unusable`] if it cannot be opened.
pub fn open(
    settings: &InboxSettings,
    bot: BotId,
    clock: SharedClock,
    shutdown: &Shutdown,
    counts: Arc<Counts>,
) -> Result<Arc<dyn Inbox>, InboxError> {
    let deps = Deps { clock, shutdown: shutdown.clone(), counts };
    Ok(match &settings.url {
        InboxUrl::Sqlite(path) => Arc::new(SqliteInbox::open(path, settings, bot, deps)?),
        InboxUrl::Memory => Arc::new(MemoryInbox::new(settings, deps)),
        InboxUrl::Postgres(url) => Arc::new(PostgresInbox::open(url, settings, Access::Service(bot), deps)?),
    })
}

/// Opens the inbox for an operator's command while the service may be using it: to list, revive or discard
/// dead-letter updates. Nothing is claimed through it. `bot` is needed only if the database holds several bots.
///
/// # Errors
///
/// [`InboxError::Unusable`] if it cannot be opened, and for `memory:`, which only the service's process can read.
pub fn open_for_operator(
    settings: &InboxSettings,
    bot: Option<BotId>,
    clock: SharedClock,
) -> Result<Arc<dyn Inbox>, InboxError> {
    match &settings.url {
        InboxUrl::Sqlite(path) => Ok(Arc::new(SqliteInbox::open_for_operator(path, settings, clock)?)),
        InboxUrl::Memory => Err(InboxError::unusable(
            "the inbox is in the memory of the service, which no other process can read".to_owned(),
            "The service's log names its dead-letter updates. To keep them, use DATABASE_URL=sqlite:PATH \
             or PostgreSQL.",
        )),
        InboxUrl::Postgres(url) => {
            let (access, deps) = (Access::Command(bot), Deps::for_operator(clock));
            Ok(Arc::new(PostgresInbox::open(url, settings, access, deps)?))
        }
    }
}

/// Reads the inbox that the settings name, without changing it or disturbing a service that uses it.
///
/// # Errors
///
/// [`InboxError::Unusable`] if a service could not use it.
pub fn inspect(settings: &InboxSettings, bot: BotId) -> Result<Inspection, InboxError> {
    match &settings.url {
        InboxUrl::Sqlite(path) => sqlite::inspect(path, bot),
        InboxUrl::Memory | InboxUrl::Postgres(_) => Ok(Inspection::ServiceOnly),
    }
}

/// The target of the bot in the storage that the settings name, without changing anything. `None` if there is none, if it is in
/// the memory of the service, or if the storage cannot be read.
pub async fn stored_target(settings: &InboxSettings, bot: BotId, clock: SharedClock) -> Option<String> {
    match &settings.url {
        InboxUrl::Sqlite(path) => sqlite::stored_target(path, bot),
        InboxUrl::Memory => None,
        InboxUrl::Postgres(_) => open_for_operator(settings, Some(bot), clock).ok()?.load(Stored::Target).await.ok()?,
    }
}

/// The warning for the operator if the inbox is on a disk that the platform erases at the next deploy.
#[must_use]
pub fn ephemeral_storage_warning(settings: &InboxSettings, platform: &Platform) -> Option<String> {
    let name = platform.name?;
    let InboxUrl::Sqlite(path) = &settings.url else { return None };
    sqlite::is_on_system_disk(path).then(|| {
        format!(
            "The inbox (DATABASE_URL) is on a disk that {name} erases at every deploy and restart: updates that are acknowledged \
             but not handled by then are lost. Set DATABASE_URL to memory: (Telegram then keeps what is not handled), \
             to sqlite:PATH on a mounted disk, or to a PostgreSQL URL."
        )
    })
}
