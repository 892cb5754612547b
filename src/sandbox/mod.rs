//! A simulated Telegram on loopback: the Bot API of one bot, a webhook sender that behaves like the real
//! one, a page on which a person chats with the bot, and a control API through which a test acts as a user.
//!
//! All of it listens on one port: the Bot API at `/bot<token>/<method>`, the page at `/`, the control API at
//! `/sandbox`. The page and the control API answer only under a name of this machine. It knows one bot, the one with [`TOKEN`]. By default it is more lenient than the public Bot API: it accepts
//! webhooks over http, on loopback and on any port, and messages to chats that never wrote to the bot.
//! [`Sandbox::set_strict`] turns this off.
//!
//! The Bot API accepts every method of Bot API 10.3. Most of them have an answer of the right form and no other
//! effect; messages, files, commands, members, chat actions, drafts and the webhook are real.
//!
//! It differs from Telegram in these points. It does not support TLS; a [route](Sandbox::route) stands for the
//! platform that ends TLS before a service. It does not decompress responses. It resolves a host name once
//! and keeps the address. It has no flood limits of its own. It keeps the latest [`HISTORY_LIMIT`] messages,
//! calls and delivery attempts, and 64 MiB of files, in memory only.

mod actions;
mod api_response;
mod ascii_json;
mod bot;
mod bot_api;
mod control_api;
mod control_help;
mod entities;
mod handle;
mod listener;
mod methods;
mod page;
mod people;
mod records;
mod scenarios;
mod sender;
mod service_view;
mod shared;
mod show_service;
mod state;
mod user_actions;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

pub use bot::TOKEN;
pub use handle::Sandbox;
pub use records::{
    DeliveryAttempt, DeliveryOutcome, Edit, HISTORY_LIMIT, Message, NOT_RECEIVED, ReceivedCall, WebhookRecord,
};
pub use service_view::ServiceView;
pub use state::faults::{Fault, FaultKind};

use crate::clock::SharedClock;
use crate::lifecycle::{Shutdown, Task};
use shared::Shared;

impl Sandbox {
    /// Starts a sandbox that listens on this address, on a free port if the port is 0. It stops with the soft
    /// stop of `shutdown`; a sandbox that must outlive a service needs a [`Shutdown`] of its own.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(listen: SocketAddr, clock: SharedClock, shutdown: &Shutdown) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let shared = Arc::new(Shared::new(clock, shutdown.clone(), listener.local_addr()?));
        let sandbox = Self { shared: Arc::clone(&shared) };
        shutdown.supervise(Task::SandboxListener, listener::serve(listener, sandbox.clone()));
        shutdown.supervise(Task::SandboxSweep, async move {
            tokio::join!(shared.sweep(), shared.expire());
        });
        Ok(sandbox)
    }
}

#[cfg(test)]
mod tests;
