//! Keeps Telegram pointing at us: what is wanted against what is seen, and how we stand.
//!
//! It never calls `deleteWebhook`, also not when the service stops: the next version of it is
//! registered by then.

mod backoff;
mod drift;
mod meaning;
mod register;
mod standing;
#[cfg(test)]
mod tests;
mod wanted;
mod watching;

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

pub use drift::{Drift, drift};
pub use meaning::meaning;
pub use register::{Registered, register};
pub use standing::{RefusedToken, Standing};
pub use wanted::{NotWanted, WEBHOOK_PATH, WantedWebhook};

use crate::clock::SharedClock;
use crate::telegram::{ApiError, BotApi, Call, Identity, WebhookInfo};
use register::{Finding, Setback, finding};

/// Registers the webhook, and goes on seeing to it that it stays as wanted.
#[derive(Debug)]
pub struct Registrar {
    api: BotApi,
    wanted: Result<WantedWebhook, NotWanted>,
    announce: Option<Call>,
    identity: Identity,
    clock: SharedClock,
    watch_interval: Duration,
    standing: watch::Sender<Standing>,
}

/// What is kept between the tries of one registration.
#[derive(Default)]
struct Tries {
    soon: u32,
    slowly: u32,
    told: Option<Standing>,
}

/// How a registration ended.
enum Outcome {
    /// The webhook is ours; this is what Telegram made of it.
    Ours(WebhookInfo),
    /// Another service, started later, has it already.
    Foreign { host: String },
}

impl Registrar {
    /// A registrar that has done nothing yet.
    ///
    /// `announce` is a call made once the webhook is ours (`setMyCommands`); it fails without
    /// harm. `identity` is filled as soon as Telegram has said who the bot is. `watch_interval` is
    /// the time between two looks at what Telegram has.
    #[must_use]
    pub fn new(
        api: BotApi,
        wanted: Result<WantedWebhook, NotWanted>,
        announce: Option<Call>,
        identity: Identity,
        clock: SharedClock,
        watch_interval: Duration,
    ) -> Self {
        let standing = match &wanted {
            Ok(_) => Standing::Registering { trouble: None },
            Err(why) => Standing::Off { why: *why },
        };
        Self { api, wanted, announce, identity, clock, watch_interval, standing: watch::Sender::new(standing) }
    }

    /// How the service stands, now and whenever that changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Registers and watches until the soft stop; returns promptly then, whatever it waits for.
    ///
    /// # Errors
    ///
    /// [`RefusedToken`] when Telegram does not accept the token at the start. Everything else is
    /// tried again for ever.
    pub async fn run(&self, soft: &CancellationToken) -> Result<(), RefusedToken> {
        match soft.run_until_cancelled(self.keep()).await {
            None => Ok(()),
            Some(Err(refused)) => Err(refused),
        }
    }

    async fn keep(&self) -> Result<Infallible, RefusedToken> {
        let wanted = match &self.wanted {
            Ok(wanted) => wanted,
            Err(why) => return self.stand_aside(Standing::Off { why: *why }).await,
        };
        let problems = wanted.problems(self.api.is_public());
        if !problems.is_empty() {
            let advice = "Telegram was not asked, because a refusal would cost the bot the webhook it may have. \
                          Correct PUBLIC_URL or the [webhook] settings and start again.";
            let refused = Standing::Refused { reason: problems.join("; "), advice: advice.to_owned() };
            return self.stand_aside(refused).await;
        }
        let mut announcement = self.announce.as_ref();
        loop {
            match self.until_registered(wanted).await? {
                Outcome::Ours(settled) => {
                    self.stand(Standing::Active { host: wanted.host() });
                    if let Some(call) = announcement.take() {
                        self.make_known(call).await;
                    }
                    self.watch(wanted, Some(&settled)).await;
                }
                Outcome::Foreign { host } => {
                    self.stand(Standing::Superseded { host });
                    self.watch(wanted, None).await;
                }
            }
        }
    }

    /// Registers nothing, but still learns who the bot is.
    async fn stand_aside(&self, standing: Standing) -> Result<Infallible, RefusedToken> {
        self.stand(standing);
        let mut tries = Tries::default();
        while let Err(error) = self.identify().await {
            let setback = Setback::of(error, false);
            self.wait_for_next_try(setback, &mut tries, false).await?;
        }
        std::future::pending().await
    }

    async fn until_registered(&self, wanted: &WantedWebhook) -> Result<Outcome, RefusedToken> {
        let mut tries = Tries::default();
        loop {
            match self.attempt(wanted).await {
                Ok(outcome) => return Ok(outcome),
                Err(setback) => self.wait_for_next_try(setback, &mut tries, true).await?,
            }
        }
    }

    async fn attempt(&self, wanted: &WantedWebhook) -> Result<Outcome, Setback> {
        let setback = |error| Setback::of(error, self.identity.get().is_some());
        self.identify().await.map_err(setback)?;
        let registered = register(&self.api, wanted).await.map_err(setback)?;
        if let Some(Drift::Foreign { host }) = drift(wanted, &registered.before).first() {
            warn!(host, "The webhook led to another service, at {host}. The newest start wins: it leads here now");
        }
        let left = drift(wanted, &registered.after);
        match finding(wanted, &registered.after, Some(&registered.after)) {
            Finding::Foreign { host } => return Ok(Outcome::Foreign { host }),
            Finding::Wrong(drift) => return Err(Setback::of_drift(&drift)),
            Finding::Right => {}
        }
        for drift in left {
            warn!("Telegram did not take the webhook quite as wanted: {drift}. Look at the [webhook] settings");
        }
        debug!(pending = registered.after.pending_update_count, "Telegram says: {}", registered.remark);
        Ok(Outcome::Ours(registered.after))
    }

    /// Asks who the bot is, once.
    async fn identify(&self) -> Result<(), ApiError> {
        if self.identity.get().is_none() {
            let me = self.api.get_me().await?;
            info!(bot.id = me.id, bot.username = me.username, "Telegram accepts the bot token");
            // Whoever was first has said the same.
            drop(self.identity.set(me));
        }
        Ok(())
    }

    /// Tells what was met, once for each change of the reason, and waits as long as it takes.
    /// `registering`: whether it shows in the standing.
    async fn wait_for_next_try(
        &self,
        setback: Setback,
        tries: &mut Tries,
        registering: bool,
    ) -> Result<(), RefusedToken> {
        let standing = setback.standing();
        let jitter: f64 = rand::random();
        let wait = match setback {
            Setback::Token(refused) => {
                // Told by whoever ends the service because of it.
                self.standing.send_replace(standing);
                return Err(refused);
            }
            Setback::After(wait) => wait + Duration::from_secs(1).mul_f64(jitter),
            Setback::Soon(_) => {
                tries.soon += 1;
                backoff::SOON.wait(tries.soon, jitter)
            }
            Setback::Slowly { .. } => {
                tries.slowly += 1;
                backoff::SLOWLY.wait(tries.slowly, jitter)
            }
        };
        let retry_in_s = wait.as_secs();
        if tries.told.as_ref() == Some(&standing) {
            debug!(retry_in_s, "{}", standing.sentence());
        } else {
            tries.told = Some(standing.clone());
            if registering {
                self.stand(standing);
            } else {
                warn!(retry_in_s, "Telegram could not be asked who the bot is; Doorbell goes on trying");
            }
        }
        self.clock.sleep(wait).await;
        Ok(())
    }

    /// Takes a new standing, and tells it.
    fn stand(&self, standing: Standing) {
        let sentence = standing.sentence();
        match standing {
            Standing::Active { .. } => info!("{sentence}"),
            Standing::Registering { .. } | Standing::Superseded { .. } | Standing::Off { .. } => warn!("{sentence}"),
            Standing::Refused { .. } => error!("{sentence}"),
        }
        self.standing.send_replace(standing);
    }
}
