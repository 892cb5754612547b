use std::time::Duration;

use jiff::Timestamp;
use tracing::{Level, debug, info, warn};

use super::register::{Finding, Setback, finding};
use super::standing::{RefusedToken, Standing};
use super::wanted::WantedWebhook;
use super::{Course, Damage, Drift, Outcome, Registrar, backoff, drift};
use crate::clock::elapsed;
use crate::telegram::{ApiError, Call};

/// What is kept between the tries of one registration.
#[derive(Default)]
struct Tries {
    made: u32,
    contended: u32,
    slowly: u32,
    /// When the first refusal came that heals by itself.
    healing_since: Option<Timestamp>,
    told: Option<Standing>,
}

/// So many times in a row somebody else may come between before that is said to be trouble.
const CONTENDED_QUIETLY: u32 = 5;

impl Registrar {
    /// Tries until the webhook is set and read back, or is another's.
    pub(super) async fn until_registered(
        &self,
        wanted: &WantedWebhook,
        course: &mut Course,
    ) -> Result<Outcome, RefusedToken> {
        let mut tries = Tries::default();
        loop {
            let wait = course.pace.wait(self.clock.steady());
            if !wait.is_zero() {
                self.clock.sleep(wait).await;
            }
            match self.attempt(wanted, course).await {
                Ok(outcome) => return Ok(outcome),
                Err(setback) => self.wait_for_next_try(setback, &mut tries).await?,
            }
        }
    }

    async fn attempt(&self, wanted: &WantedWebhook, course: &mut Course) -> Result<Outcome, Setback> {
        let setback = |error| Setback::of(error, self.identity.get().is_some());
        self.identify().await.map_err(setback)?;
        let before = self.api.webhook_info().await.map_err(setback)?;
        let other = match drift(wanted, &before).into_iter().next() {
            Some(Drift::Foreign { host }) => Some(host),
            _ => None,
        };
        // Whose webhook was there when this service started: another's than that was set later.
        let older = course.older.get_or_insert_with(|| other.clone().unwrap_or_default());
        if let Some(host) = other.clone() {
            if !course.starting || *older != host {
                return Ok(Outcome::Superseded { host });
            }
            if wanted.claim.leaves(&host).is_some() {
                return Ok(Outcome::LeftAlone { host });
            }
        }
        course.pace.made(self.clock.steady());
        let set = self.api.set_webhook(&wanted.parameters(course.drop_pending_updates)).await;
        course.answered(&set);
        let remark = set.map_err(|error| setback(error).of_a_change())?;
        if let Some(host) = other {
            warn!(
                host,
                "The webhook led to another service, at {host}. The newest start wins: updates come here now, and none \
                 there. If that was not meant, stop this service and start the other one again."
            );
        }
        let after = self.api.webhook_info().await.map_err(|error| setback(error).of_a_change())?;
        let after = self.if_still_gone(after).await;
        debug!(pending = after.pending_update_count, "Telegram says: {remark}");
        Ok(match finding(wanted, &after, Some(&after)) {
            Finding::Foreign { host } => Outcome::Superseded { host },
            Finding::Wrong(Drift::Empty) => Outcome::Damaged(Damage::Removed),
            Finding::Wrong(drift) => Outcome::Damaged(Damage::Changed(drift)),
            Finding::Right => {
                for drift in drift(wanted, &after) {
                    warn!("Telegram did not take the webhook quite as wanted: {drift}. Look at the [webhook] settings");
                }
                Outcome::Ours(after)
            }
        })
    }

    /// Asks who the bot is, until Telegram has said so.
    pub(super) async fn until_identified(&self) -> Result<(), RefusedToken> {
        let mut failures = 0;
        loop {
            let setback = match self.identify().await {
                Ok(()) => return Ok(()),
                Err(error) => Setback::of(error, false),
            };
            if let Setback::Token(refused) = setback {
                self.standing.send_replace(Setback::Token(refused.clone()).standing());
                return Err(refused);
            }
            if failures == 0 {
                warn!("Telegram could not be asked who the bot is; Doorbell goes on trying");
            }
            failures += 1;
            self.clock.sleep(backoff::LATER.wait(failures, rand::random())).await;
        }
    }

    /// Asks who the bot is, once.
    async fn identify(&self) -> Result<(), ApiError> {
        if self.identity.get().is_none() {
            let me = self.api.get_me().await?;
            info!(bot.id = me.id, bot.username = me.username, "Telegram accepts the bot token");
            self.identity.set(me);
        }
        Ok(())
    }

    /// Asks again who the bot is: its username may change while the service runs, and with it what
    /// `/start@name` is addressed to. An answer that does not come changes nothing.
    pub(super) async fn ask_name_again(&self) {
        match self.api.get_me().await {
            Ok(me) => {
                if self.identity.get().is_none_or(|before| before.username != me.username) {
                    info!(bot.id = me.id, bot.username = me.username, "the bot has another username now");
                }
                self.identity.set(me);
            }
            Err(error) => debug!(%error, "Telegram could not be asked for the bot's username; asking again in an hour"),
        }
    }

    /// Tells what was met, once for each change of the reason, and waits as long as it takes.
    async fn wait_for_next_try(&self, setback: Setback, tries: &mut Tries) -> Result<(), RefusedToken> {
        let jitter: f64 = rand::random();
        tries.made = tries.made.saturating_add(1);
        let setback = self.slowed(setback, tries);
        let standing = setback.standing();
        // Instances that start together meet throttles and each other: that is their way, not trouble.
        let (wait, level) = match setback {
            Setback::Token(refused) => {
                // Told by whoever ends the service because of it.
                self.standing.send_replace(standing);
                return Err(refused);
            }
            Setback::After(wait) => {
                let spread = Duration::from_secs(2_u64.saturating_pow(tries.made.min(4)));
                (wait + spread.mul_f64(jitter), Level::INFO)
            }
            Setback::Contended { reason, least } => {
                tries.contended += 1;
                let wait = least + backoff::LATER.wait(tries.contended, jitter);
                if tries.contended <= CONTENDED_QUIETLY {
                    if !self.standing.borrow().is_active() {
                        self.standing.send_replace(Standing::Registering { trouble: None });
                    }
                    debug!(retry_in_s = wait.as_secs(), "another program sets the webhook at this moment: {reason}");
                    self.clock.sleep(wait).await;
                    return Ok(());
                }
                (wait, Level::INFO)
            }
            Setback::Soon(_) => (backoff::SOON.wait(tries.made, jitter), Level::WARN),
            Setback::Later(_) => (backoff::LATER.wait(tries.made, jitter), Level::WARN),
            Setback::Healing { .. } => (backoff::healing(jitter), Level::WARN),
            Setback::Slowly { .. } => {
                tries.slowly += 1;
                (backoff::SLOWLY.wait(tries.slowly, jitter), Level::ERROR)
            }
        };
        if tries.told.as_ref() == Some(&standing) {
            debug!(retry_in_s = wait.as_secs(), "{}", standing.sentence());
        } else {
            tries.told = Some(standing.clone());
            self.stand(standing, level);
        }
        self.clock.sleep(wait).await;
        Ok(())
    }

    /// What has not healed by itself in time is tried slowly, as other refusals are.
    fn slowed(&self, setback: Setback, tries: &mut Tries) -> Setback {
        let Setback::Healing { reason, advice } = setback else { return setback };
        let now = self.clock.now();
        let since = *tries.healing_since.get_or_insert(now);
        if elapsed(since, now) < backoff::HEALING_TIME {
            Setback::Healing { reason, advice }
        } else {
            Setback::Slowly { reason, advice }
        }
    }

    /// Makes the call that goes with a registration. A bot works without it, so it is not repeated.
    pub(super) async fn make_known(&self, announcement: &Call) {
        match self.api.perform(announcement).await {
            Ok(()) => info!(method = announcement.method, "The bot's commands are known to Telegram"),
            Err(error) => warn!(
                method = announcement.method,
                "The bot's commands could not be told to Telegram: {error}. They work all the same, but are not offered \
                 when a person types /. The next start tries again"
            ),
        }
    }
}
