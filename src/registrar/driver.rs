use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tracing::{Level, debug, error, info, warn};

use super::attempt::AttemptError;
use super::control::{Control, History, Observed};
use super::status::{RefusedToken, Status, WebhookHealth};
use super::step::{Now, Observation, Request, State, step};
use super::wanted::{OffReason, TakeoverPolicy, WantedWebhook};
use super::watch::NAME_INTERVAL;
use crate::clock::{Backoff, SharedClock, elapsed};
use crate::telegram::{ApiError, BotApi, Call, Identity, WebhookInfo};

/// The wait before `getMe` is called again where nothing is registered.
const IDENTIFY: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_mins(1) };

/// Telegram has usually checked the address of a `setWebhook` after this time. Until then there is no webhook.
const ADDRESS_CHECK: Duration = Duration::from_millis(1_500);

/// Registers the webhook and watches it. It performs what `step` decides: calls, waits, log lines.
#[derive(Debug)]
pub struct Registrar {
    wanted: Result<WantedWebhook, OffReason>,
    deps: Deps,
    status: watch::Sender<Status>,
    health: watch::Sender<WebhookHealth>,
    history: History,
    /// Notified when the operator asks to register the webhook now.
    asked: Arc<Notify>,
    observed: watch::Sender<Option<Observed>>,
}

/// The dependencies of a [`Registrar`].
#[derive(Debug)]
pub struct Deps {
    /// The Bot API.
    pub api: BotApi,
    /// A call made once the webhook is ours (`setMyCommands`). If it fails, the service works nevertheless.
    pub announce: Option<Call>,
    /// Filled as soon as Telegram has said who the bot is, and when its username changes.
    pub identity: Identity,
    /// The clock.
    pub clock: SharedClock,
    /// The time between two checks of the webhook.
    pub watch_interval: Duration,
    /// How many requests to our webhook had a wrong secret token. A burst of them causes an immediate check.
    pub wrong_secrets: watch::Receiver<u64>,
    /// The kinds of updates that the bot behind the gateway asks for, now and whenever that changes. `None` means those
    /// of the settings.
    pub kinds: watch::Receiver<Option<Vec<String>>>,
}

impl Registrar {
    /// A registrar that has done nothing yet.
    #[must_use]
    pub fn new(wanted: Result<WantedWebhook, OffReason>, deps: Deps) -> Self {
        let status = match &wanted {
            Ok(_) => Status::Registering { trouble: None },
            Err(why) => Status::Off { why: *why },
        };
        let (status, health, observed) =
            (watch::Sender::new(status), watch::Sender::default(), watch::Sender::default());
        Self { wanted, deps, status, health, history: History::default(), asked: Arc::default(), observed }
    }

    /// The status of the registration, now and whenever it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What has been observed about the webhook, now and whenever it changes.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<WebhookHealth> {
        self.health.subscribe()
    }

    /// What the console shows of the registrar, and can ask of it.
    #[must_use]
    pub fn control(&self) -> Control {
        let (history, asked) = (self.history.clone(), Arc::clone(&self.asked));
        Control { history, asked, observed: self.observed.subscribe() }
    }

    /// Registers and watches until the soft stop, which also interrupts its waits.
    ///
    /// # Errors
    ///
    /// [`RefusedToken`] when Telegram does not accept the token at the start. All other errors are retried without a
    /// limit.
    pub async fn run(&self, soft: &CancellationToken) -> Result<(), RefusedToken> {
        match soft.run_until_cancelled(self.run_forever()).await {
            None => Ok(()),
            Some(Err(refused)) => Err(refused),
        }
    }

    async fn run_forever(&self) -> Result<Infallible, RefusedToken> {
        let wanted = match &self.wanted {
            Ok(wanted) => wanted,
            Err(why) => return self.only_identify(Status::Off { why: *why }, Level::WARN).await,
        };
        if let TakeoverPolicy::Preview { evidence } = wanted.takeover {
            return self.only_identify(Status::preview(evidence), Level::WARN).await;
        }
        let problems = wanted.problems(self.deps.api.is_public());
        if !problems.is_empty() {
            return self.only_identify(Status::invalid(&problems), Level::ERROR).await;
        }
        let commands_due = self.deps.announce.is_some();
        let mut state = State::new(wanted.clone(), self.deps.watch_interval, commands_due, &self.now());
        let mut observation = Observation::WaitOver;
        self.observed.send_replace(Some(Observed { wanted: wanted.clone(), seen: None }));
        loop {
            let now = self.now();
            let known = now.kinds.clone();
            let (next, actions) = step(state, observation, now);
            state = next;
            for (level, text) in &actions.log {
                self.log(*level, text);
            }
            self.publish_wanted(&state.wanted);
            publish(&self.status, &state.status);
            publish(&self.health, &state.health);
            observation = self.perform(actions.request, &state.wanted, known.as_deref()).await?;
        }
    }

    /// Does what a step decided. `wanted` and `kinds` are what that step knew.
    async fn perform(
        &self,
        request: Request,
        wanted: &WantedWebhook,
        kinds: Option<&[String]>,
    ) -> Result<Observation, RefusedToken> {
        let api = &self.deps.api;
        Ok(match request {
            Request::Wait(wait) => {
                tokio::select! {
                    () = self.deps.clock.sleep(wait) => Observation::WaitOver,
                    () = self.asked.notified() => Observation::Asked,
                }
            }
            Request::WaitForLook { at_most, wrong_secrets, earliest } => {
                let mut asked = self.deps.kinds.clone();
                tokio::select! {
                    () = self.wait_for_look(at_most, wrong_secrets, earliest) => {}
                    () = until(&mut asked, |asked| asked.as_deref() != kinds) => {}
                    () = self.asked.notified() => return Ok(Observation::Asked),
                }
                Observation::WaitOver
            }
            Request::GetMe => Observation::Me(self.get_me().await),
            Request::GetWebhookInfo { recheck_empty } => Observation::Webhook(self.webhook_info(recheck_empty).await),
            Request::SetWebhook { drop_pending_updates } => {
                Observation::Set(api.set_webhook(&wanted.parameters(drop_pending_updates)).await)
            }
            Request::SetMyCommands => Observation::Commands(match &self.deps.announce {
                Some(call) => api.perform(call).await,
                None => Ok(()),
            }),
            Request::Stop(refused) => return Err(refused),
        })
    }

    async fn webhook_info(&self, recheck_empty: bool) -> Result<WebhookInfo, ApiError> {
        let mut seen = self.deps.api.webhook_info().await?;
        if recheck_empty && seen.url.is_empty() {
            self.deps.clock.sleep(ADDRESS_CHECK).await;
            seen = self.deps.api.webhook_info().await.unwrap_or(seen);
        }
        self.observed.send_modify(|observed| {
            if let Some(observed) = observed {
                observed.seen = Some((self.deps.clock.now(), seen.clone()));
            }
        });
        Ok(seen)
    }

    /// Tells the pages what is wanted, which your own bot can change.
    fn publish_wanted(&self, wanted: &WantedWebhook) {
        self.observed.send_if_modified(|observed| {
            let Some(observed) = observed else { return false };
            let is_new = observed.wanted.allowed_updates != wanted.allowed_updates;
            if is_new {
                observed.wanted = wanted.clone();
            }
            is_new
        });
    }

    /// Logs a line, and keeps it for the pages if the log shows it by default.
    fn log(&self, level: Level, text: &str) {
        log(level, text);
        if level <= Level::INFO {
            self.history.push(self.deps.clock.now(), level, text);
        }
    }

    async fn wait_for_look(&self, at_most: Duration, wrong_secrets: u64, earliest: Timestamp) {
        let mut refusals = self.deps.wrong_secrets.clone();
        let burst = until(&mut refusals, |count| *count >= wrong_secrets);
        let clock = &self.deps.clock;
        tokio::select! {
            () = clock.sleep(at_most) => {}
            () = burst => {
                let wait = elapsed(clock.steady(), earliest);
                if !wait.is_zero() {
                    clock.sleep(wait).await;
                }
            }
        }
    }

    /// Asks Telegram for the bot. After an error, the known identity remains.
    async fn get_me(&self) -> Result<(), ApiError> {
        let known = self.deps.identity.get();
        let me = self.deps.api.get_me().await.inspect_err(|error| {
            if known.is_some() {
                debug!(%error, "Telegram could not be asked for the bot's username; the next try is in an hour");
            }
        })?;
        match known {
            None => info!(bot.id = me.id, bot.username = me.username, "Telegram accepts the bot token"),
            Some(known) if known.username != me.username => {
                info!(bot.id = me.id, bot.username = me.username, "The bot has a new username");
            }
            Some(_) => {}
        }
        self.deps.identity.set(me);
        Ok(())
    }

    /// Registers nothing, but asks who the bot is, if there is one.
    async fn only_identify(&self, status: Status, level: Level) -> Result<Infallible, RefusedToken> {
        self.log(level, &status.sentence());
        publish(&self.status, &status);
        if matches!(self.wanted, Err(OffReason::NoToken)) {
            return future::pending().await;
        }
        let mut failures = 0;
        loop {
            let answer = self.get_me().await;
            let identified = self.deps.identity.get().is_some();
            let wait = match answer.map_err(|error| AttemptError::of(error, identified)) {
                Err(AttemptError::TokenRefused(refused)) => {
                    publish(&self.status, &AttemptError::TokenRefused(refused.clone()).status());
                    return Err(refused);
                }
                Err(_) if !identified => {
                    if failures == 0 {
                        warn!("Telegram could not be asked who the bot is; Doorbell keeps trying");
                    }
                    failures += 1;
                    IDENTIFY.wait(failures, rand::random())
                }
                Ok(()) | Err(_) => NAME_INTERVAL,
            };
            self.deps.clock.sleep(wait).await;
        }
    }

    fn now(&self) -> Now {
        let clock = &self.deps.clock;
        let (wrong_secrets, kinds) = (*self.deps.wrong_secrets.borrow(), self.deps.kinds.borrow().clone());
        Now { utc: clock.now(), steady: clock.steady(), jitter: rand::random(), wrong_secrets, kinds }
    }
}

/// Waits until a value meets a condition; for ever if it cannot change any more.
async fn until<T>(value: &mut watch::Receiver<T>, condition: impl FnMut(&T) -> bool) {
    if value.wait_for(condition).await.is_err() {
        future::pending::<()>().await;
    }
}

/// Tells the receivers of a value, if it has changed.
fn publish<T: Clone + PartialEq>(to: &watch::Sender<T>, value: &T) {
    to.send_if_modified(|known| {
        let is_new = known != value;
        known.clone_from(value);
        is_new
    });
}

fn log(level: Level, text: &str) {
    match level {
        Level::ERROR => error!("{text}"),
        Level::WARN => warn!("{text}"),
        Level::INFO => info!("{text}"),
        _ => debug!("{text}"),
    }
}

#[cfg(test)]
mod tests;
