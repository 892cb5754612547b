//! What the caller sees of a service that was built.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::sync::watch;

use super::App;
use super::own_bot::OwnBot;
use crate::dispatch::Dispatch;
use crate::handler::forward::{Forward, Targets};
use crate::inbox::Inbox;
use crate::process;
use crate::registrar::Status;
use crate::trail::Trail;

impl App {
    /// The address of the listener.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The routes, for tests that send requests without a connection.
    pub fn router(&self) -> Router {
        self.router.clone()
    }

    /// The status of the registration, now and whenever it changes.
    #[must_use]
    pub fn registration(&self) -> watch::Receiver<Status> {
        self.registrar.status()
    }

    /// The inbox.
    #[must_use]
    pub fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::clone(&self.inbox)
    }

    /// Your own bot behind the service, if there is one.
    #[must_use]
    pub fn forward(&self) -> Option<Arc<Forward>> {
        self.own_bot.as_ref().map(|own_bot| Arc::clone(&own_bot.forward))
    }

    /// Where your own bot wants its updates.
    #[must_use]
    pub fn targets(&self) -> Option<Targets> {
        self.own_bot.as_ref().map(|own_bot| own_bot.forward.targets().clone())
    }

    /// Kills the process of your own bot on demand, if the service runs one.
    #[must_use]
    pub fn bot_killer(&self) -> Option<process::Killer> {
        self.own_bot.as_ref().and_then(OwnBot::killer)
    }

    /// The address of the Bot API for your own bot, if there is one behind the service.
    #[must_use]
    pub fn gateway_addr(&self) -> Option<SocketAddr> {
        self.own_bot.as_ref().map(OwnBot::gateway_addr)
    }

    /// The dispatch.
    #[must_use]
    pub fn dispatch(&self) -> Arc<Dispatch> {
        Arc::clone(&self.dispatch)
    }

    /// What happened to the latest updates.
    #[must_use]
    pub fn trail(&self) -> Trail {
        self.trail.clone()
    }
}
