use std::future::pending;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::sync::watch::error::RecvError;

use super::App;
use super::own_bot::OwnBot;
use crate::dispatch::{Dispatch, Handling};
use crate::handler::forward::BotStatus;
use crate::http::health::ServiceState;
use crate::process::ChildStatus;
use crate::registrar::{Status, WebhookHealth};

/// What the service says about itself: the sentences of its log and of its console.
#[derive(Clone)]
pub struct Sentences {
    service: Arc<ServiceState>,
    dispatch: Arc<Dispatch>,
    registration: watch::Receiver<Status>,
    webhook_health: watch::Receiver<WebhookHealth>,
    handling: watch::Receiver<Handling>,
    bot: Option<watch::Receiver<BotStatus>>,
    process: Option<watch::Receiver<ChildStatus>>,
}

impl App {
    /// What the service says about itself.
    #[must_use]
    pub fn sentences(&self) -> Sentences {
        let service = Arc::clone(&self.service);
        Sentences {
            dispatch: Arc::clone(&self.dispatch),
            registration: service.registration.clone(),
            webhook_health: service.webhook_health.clone(),
            handling: service.handling.clone(),
            bot: service.bot.as_ref().map(|bot| bot.status.clone()),
            process: self.own_bot.as_ref().and_then(OwnBot::process),
            service,
        }
    }
}

impl Sentences {
    /// What it says now: the status of the webhook first, then what is wrong.
    #[must_use]
    pub fn now(&self) -> Vec<String> {
        let service = &self.service;
        let health = service.webhook_health.borrow().clone();
        let handling = *service.handling.borrow();
        let bot = service.bot.as_ref().map(|bot| bot.status.borrow().clone());
        [
            Some(service.registration.borrow().sentence()),
            health.trouble,
            health.conflict,
            handling.is_paused().then(|| handling.sentence()),
            bot.filter(|bot| !bot.is_available()).map(|bot| bot.sentence()),
            self.process.as_ref().map(|process| process.borrow().sentence()),
            self.dispatch.telegram_outage().or_else(|| self.dispatch.telegram_slowness()).map(str::to_owned),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Returns when a status has changed. What calls of the Bot API show is not waited for: the trail changes with them.
    pub async fn changed(&mut self) {
        tokio::select! {
            Ok(()) = self.registration.changed() => {}
            Ok(()) = self.webhook_health.changed() => {}
            Ok(()) = self.handling.changed() => {}
            Ok(()) = change_of(&mut self.bot) => {}
            Ok(()) = change_of(&mut self.process) => {}
            // The service has ended. Its last sentences stay.
            else => pending().await,
        }
    }
}

async fn change_of<T>(status: &mut Option<watch::Receiver<T>>) -> Result<(), RecvError> {
    match status {
        Some(status) => status.changed().await,
        None => pending().await,
    }
}
