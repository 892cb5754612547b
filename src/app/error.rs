use std::io;
use std::net::SocketAddr;

use crate::inbox::InboxError;
use crate::lifecycle::TaskFailed;
use crate::process::CannotStart;
use crate::registrar::RefusedToken;
use crate::settings::SettingsError;

/// Why the service stopped without a stop request.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Telegram does not know the bot token.
    #[error(transparent)]
    RefusedToken(#[from] RefusedToken),
    /// The command of your own bot cannot be run.
    #[error(transparent)]
    CannotStart(#[from] CannotStart),
    /// A supervised task failed.
    #[error(transparent)]
    TaskFailed(#[from] TaskFailed),
}

/// Why the service could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no bot token.
    #[error("there is no bot token")]
    NoToken,
    /// A reply in the settings cannot be used.
    #[error(transparent)]
    Settings(SettingsError),
    /// The inbox cannot be opened.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The address of the gateway cannot be used.
    #[error("the gateway for your bot cannot listen on {address}")]
    Gateway {
        /// The address in the settings.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// There is no free port for your own bot.
    #[error("there is no free port for your bot")]
    NoPort(#[source] io::Error),
}
