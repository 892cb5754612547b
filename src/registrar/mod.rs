//! Keeps Telegram pointing at us: what is wanted against what is seen, and how we stand.
//!
//! It never calls `deleteWebhook`, also not when the service stops: the next version of it is
//! registered by then.

mod backoff;
mod claim;
mod deliveries;
mod drift;
mod healing;
mod meaning;
mod notes;
mod pace;
mod register;
mod standing;
#[cfg(test)]
mod tests;
mod trying;
mod wanted;
mod watching;

use std::convert::Infallible;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{Level, debug, error, info, warn};

pub use claim::Claim;
pub use deliveries::waiting;
pub use drift::{Drift, drift};
pub use meaning::{Meaning, meaning};
pub use notes::Notes;
pub use register::{Registered, register};
pub use standing::{RefusedToken, Standing, StandingName};
pub use wanted::{NotWanted, WantedWebhook};

use crate::clock::SharedClock;
use crate::telegram::{ApiError, BotApi, Call, Identity, WebhookInfo};
use deliveries::Deliveries;
use healing::{Damage, Healing, Remedy};
use pace::Pace;

/// How often the bot's username is asked for.
const NAME_INTERVAL: Duration = Duration::from_hours(1);

/// Registers the webhook, and goes on seeing to it that it stays as wanted.
#[derive(Debug)]
pub struct Registrar {
    api: BotApi,
    wanted: Result<WantedWebhook, NotWanted>,
    announce: Option<Call>,
    identity: Identity,
    clock: SharedClock,
    watch_interval: Duration,
    /// How many requests to our webhook had a wrong secret token.
    refusals: watch::Receiver<u64>,
    standing: watch::Sender<Standing>,
    notes: watch::Sender<Notes>,
}

/// What is kept from one registration to the next.
struct Course {
    healing: Healing,
    deliveries: Deliveries,
    pace: Pace,
    /// Whether no call of this start has changed the webhook yet: only who starts may take a webhook over.
    starting: bool,
    /// The host whose webhook the first look found: the only one that is older than this start. Empty
    /// for none.
    older: Option<String>,
    /// Whether the next call throws away what waits at Telegram: the first one of a start, if the
    /// settings say so, and never a repair.
    drop_pending_updates: bool,
}

impl Course {
    /// Notes what a `setWebhook` was answered. One that is refused has removed the webhook and, where
    /// that was asked, the updates that waited; what is seen after it was set by somebody later.
    fn answered<T>(&mut self, answer: &Result<T, ApiError>) {
        match answer {
            Err(ApiError::Throttled { .. }) => {}
            Err(ApiError::Refused { code: 400, .. }) => {
                self.pace.refused();
                (self.starting, self.drop_pending_updates) = (false, false);
            }
            // Without an answer it may have been carried out.
            Ok(_) | Err(_) => self.drop_pending_updates = false,
        }
    }
}

/// How things stand after a registration or a look.
enum Outcome {
    /// The webhook is ours; this is what Telegram made of it.
    Ours(WebhookInfo),
    /// It has to be set again.
    Damaged(Damage),
    /// Another service, started later, has it.
    Superseded { host: String },
    /// Another service has it, which this one may not take over.
    LeftAlone { host: String },
}

impl Registrar {
    /// A registrar that has done nothing yet.
    ///
    /// `announce` is a call made once the webhook is ours (`setMyCommands`); it fails without
    /// harm. `identity` is filled as soon as Telegram has said who the bot is. `watch_interval` is
    /// the time between two looks at what Telegram has. `refusals` counts the requests to our webhook
    /// with a wrong secret token: a burst of them is looked into at once.
    #[must_use]
    pub fn new(
        api: BotApi,
        wanted: Result<WantedWebhook, NotWanted>,
        announce: Option<Call>,
        identity: Identity,
        clock: SharedClock,
        watch_interval: Duration,
        refusals: watch::Receiver<u64>,
    ) -> Self {
        let standing = match &wanted {
            Ok(_) => Standing::Registering { trouble: None },
            Err(why) => Standing::Off { why: *why },
        };
        let (standing, notes) = (watch::Sender::new(standing), watch::Sender::default());
        Self { api, wanted, announce, identity, clock, watch_interval, refusals, standing, notes }
    }

    /// How the service stands, now and whenever that changes.
    #[must_use]
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// What was noticed about the webhook, now and whenever that changes.
    #[must_use]
    pub fn notes(&self) -> watch::Receiver<Notes> {
        self.notes.subscribe()
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
            Err(why) => return self.stand_aside(Standing::Off { why: *why }, Level::WARN).await,
        };
        if let Claim::Nothing { shown_by } = wanted.claim {
            return self.stand_aside(claim::preview(shown_by), Level::WARN).await;
        }
        let problems = wanted.problems(self.api.is_public());
        if !problems.is_empty() {
            let advice = "Telegram was not asked, because a refusal would cost the bot the webhook it may have. \
                          Correct PUBLIC_URL or the [webhook] settings and start again.";
            let refused = Standing::Refused { reason: problems.join("; "), advice: advice.to_owned() };
            return self.stand_aside(refused, Level::ERROR).await;
        }
        let mut announcement = self.announce.as_ref();
        let mut course = Course {
            healing: Healing::new(self.watch_interval),
            deliveries: Deliveries::new(self.clock.now()),
            pace: Pace::new(self.watch_interval),
            starting: true,
            older: None,
            drop_pending_updates: wanted.drop_pending_updates,
        };
        let mut outcome = self.until_registered(wanted, &mut course).await?;
        loop {
            (course.starting, course.drop_pending_updates) = (false, false);
            outcome = match outcome {
                Outcome::Ours(settled) => {
                    self.note(&settled);
                    let level = if course.healing.in_storm() { Level::DEBUG } else { Level::INFO };
                    self.stand(Standing::Active { host: wanted.host() }, level);
                    if let Some(call) = announcement.take() {
                        self.make_known(call).await;
                    }
                    self.watch_ours(wanted, &settled, &mut course).await
                }
                Outcome::Damaged(damage) => {
                    self.heal(&damage, &mut course).await;
                    self.until_registered(wanted, &mut course).await?
                }
                Outcome::Superseded { host } => {
                    self.stand(Standing::Superseded { host }, Level::WARN);
                    self.notes.send_modify(|notes| (notes.conflict, notes.trouble) = (None, None));
                    self.until_given_back(wanted).await;
                    self.until_registered(wanted, &mut course).await?
                }
                Outcome::LeftAlone { host } => {
                    self.until_led_here(wanted, host).await;
                    self.until_registered(wanted, &mut course).await?
                }
            };
        }
    }

    /// Registers nothing, but still learns who the bot is, if there is one.
    async fn stand_aside(&self, standing: Standing, level: Level) -> Result<Infallible, RefusedToken> {
        self.stand(standing, level);
        if !matches!(self.wanted, Err(NotWanted::NoToken)) {
            self.until_identified().await?;
            loop {
                self.clock.sleep(NAME_INTERVAL).await;
                self.ask_name_again().await;
            }
        }
        std::future::pending().await
    }

    /// Waits, if it happens again and again, before a damaged webhook is set again.
    async fn heal(&self, damage: &Damage, course: &mut Course) {
        let Remedy { wait, time } = course.healing.damaged(damage);
        let sentence = damage.sentence(time);
        if time > 2 {
            // It has been said that this goes on.
            debug!(time, wait_s = wait.as_secs(), "{sentence}");
        } else {
            warn!("{sentence}");
        }
        self.notes.send_modify(|notes| {
            notes.healed += 1;
            notes.conflict = Some(sentence);
        });
        if !wait.is_zero() {
            if !damage.leaves_it_ours() {
                self.stand(Standing::Registering { trouble: Some(damage.trouble(time)) }, Level::DEBUG);
            }
            self.clock.sleep(wait).await;
        }
        course.deliveries.start_again(self.clock.now());
    }

    /// Takes a new standing, and tells it.
    fn stand(&self, standing: Standing, level: Level) {
        let sentence = standing.sentence();
        match level {
            Level::ERROR => error!("{sentence}"),
            Level::WARN => warn!("{sentence}"),
            Level::INFO => info!("{sentence}"),
            _ => debug!("{sentence}"),
        }
        self.standing.send_replace(standing);
    }
}
