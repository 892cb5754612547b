use std::sync::Arc;

use tokio::sync::watch;

use crate::dispatch::Dispatch;
use crate::handler::forward::Forward;
use crate::http::health::ServiceState;
use crate::inbox::Inbox;
use crate::process::{ChildStatus, Output};
use crate::registrar::Control;
use crate::telegram::BotApi;
use crate::trail::Trail;

/// The parts of the service that the console shows and controls.
pub struct Deps {
    /// What the health routes report.
    pub service: Arc<ServiceState>,
    /// The stored updates.
    pub inbox: Arc<dyn Inbox>,
    /// The dispatch, which can be paused.
    pub dispatch: Arc<Dispatch>,
    /// The client of the Bot API, for its counts.
    pub api: BotApi,
    /// The registrar.
    pub registrar: Control,
    /// Your own bot, if one is behind the service.
    pub bot: Option<OwnBot>,
    /// What happened to the latest updates.
    pub trail: Trail,
}

/// Your own bot behind the service.
pub struct OwnBot {
    /// Brings it its updates.
    pub forward: Arc<Forward>,
    /// Its process, if Doorbell runs it.
    pub process: Option<Process>,
}

/// The process of the bot.
pub struct Process {
    /// Whether it runs.
    pub status: watch::Receiver<ChildStatus>,
    /// What it wrote last.
    pub output: Output,
}
