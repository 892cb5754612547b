use std::future;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{Level, info, warn};

use super::deliveries::Told;
use super::register::{Finding, Setback, finding};
use super::{Course, Damage, Drift, NAME_INTERVAL, Outcome, Registrar, Standing, WantedWebhook, drift};
use crate::clock::elapsed;
use crate::telegram::WebhookInfo;
use crate::wording::times;

/// So many wrong secret tokens since the last look are a reason for one more.
const BURST: u64 = 3;

/// Telegram has checked the address of a `setWebhook` after this long, as a rule.
const CHECKED: Duration = Duration::from_millis(1_500);

/// Telegram's 401 counts as being of now for so long.
const FRESH: Duration = Duration::from_mins(5);

/// What one who looks again and again remembers of the last time.
struct Lookout {
    at: Timestamp,
    /// How many requests with a wrong secret token there had been.
    refused: u64,
    /// What was told about not being able to look.
    blind: Option<Standing>,
    /// When the bot's username was last asked for.
    named_at: Timestamp,
}

impl Registrar {
    /// Looks at our webhook once an interval; returns when it is not ours and right any more. A look
    /// that fails changes nothing: what was registered stays registered.
    pub(super) async fn watch_ours(
        &self,
        wanted: &WantedWebhook,
        settled: &WebhookInfo,
        course: &mut Course,
    ) -> Outcome {
        let registered_at = self.clock.now();
        let mut lookout = self.lookout();
        loop {
            let refused_before = lookout.refused;
            let seen = self.look(&mut lookout).await;
            let seen = self.if_still_gone(seen).await;
            match finding(wanted, &seen, Some(settled)) {
                Finding::Foreign { host } => return Outcome::Superseded { host },
                Finding::Wrong(Drift::Empty) => return Outcome::Damaged(Damage::Removed),
                Finding::Wrong(drift) => return Outcome::Damaged(Damage::Changed(drift)),
                // Anybody can send wrong secrets; only Telegram's own word makes them a reason.
                Finding::Right if lookout.refused > refused_before && is_refused(&seen, registered_at, lookout.at) => {
                    return Outcome::Damaged(Damage::Secret);
                }
                Finding::Right => self.note_well(wanted, &seen, course, lookout.at),
            }
        }
    }

    /// What is seen, or what is seen a moment later if there was no webhook: while Telegram checks the
    /// address of another `setWebhook`, such as one of `doorbell webhook set`, there is none.
    pub(super) async fn if_still_gone(&self, seen: WebhookInfo) -> WebhookInfo {
        if !seen.url.is_empty() {
            return seen;
        }
        self.clock.sleep(CHECKED).await;
        self.api.webhook_info().await.unwrap_or(seen)
    }

    /// Notes what Telegram says of its deliveries.
    pub(super) fn note(&self, seen: &WebhookInfo) {
        self.notes.send_modify(|notes| {
            notes.pending = Some(seen.pending_update_count);
            notes.last_error_at = seen.last_error_date.and_then(|second| Timestamp::from_second(second).ok());
        });
    }

    fn note_well(&self, wanted: &WantedWebhook, seen: &WebhookInfo, course: &mut Course, now: Timestamp) {
        if !self.standing.borrow().is_active() {
            self.stand(Standing::Active { host: wanted.host() }, Level::INFO);
        }
        if let Some(times_set) = course.healing.held(self.clock.steady()) {
            info!("The webhook has been left in peace for a while. It had been set again {}.", times(times_set));
            self.notes.send_modify(|notes| notes.conflict = None);
        }
        match course.deliveries.look(seen, now) {
            Some(Told::Trouble(trouble)) => {
                warn!(pending = seen.pending_update_count, "{trouble}");
                self.notes.send_modify(|notes| notes.trouble = Some(trouble));
            }
            Some(Told::Over(sentence)) => {
                info!("{sentence}");
                self.notes.send_modify(|notes| notes.trouble = None);
            }
            None => {}
        }
    }

    /// Looks at another service's webhook until it leads here, or is gone. It must be gone at two
    /// looks in a row: whoever had it comes first in setting it again.
    pub(super) async fn until_given_back(&self, wanted: &WantedWebhook) {
        let mut lookout = self.lookout();
        let mut gone = 0;
        loop {
            let seen = self.look(&mut lookout).await;
            match drift(wanted, &seen).into_iter().next() {
                Some(Drift::Foreign { host }) => {
                    gone = 0;
                    self.stand_if_new(Standing::Superseded { host }, Level::WARN);
                }
                Some(Drift::Empty) if gone == 0 => gone = 1,
                Some(Drift::Empty) => {
                    info!("The webhook that another service had was removed. Doorbell registers it again.");
                    return;
                }
                // The other service's secret token may be there still, and cannot be seen.
                Some(_) | None => return,
            }
        }
    }

    /// Looks at the webhook of another service that this one may not take over, until it leads here:
    /// somebody did that on purpose.
    pub(super) async fn until_led_here(&self, wanted: &WantedWebhook, host: String) {
        let mut lookout = self.lookout();
        let mut there = Drift::Foreign { host };
        loop {
            match &there {
                Drift::Foreign { host } => {
                    if let Some(standing) = wanted.claim.leaves(host) {
                        self.stand_if_new(standing, Level::ERROR);
                    }
                }
                Drift::Empty => self.stand_if_new(given_up(), Level::WARN),
                Drift::Url | Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. } => return,
            }
            let seen = self.look(&mut lookout).await;
            let Some(drift) = drift(wanted, &seen).into_iter().next() else { return };
            there = drift;
        }
    }

    fn stand_if_new(&self, standing: Standing, level: Level) {
        if *self.standing.borrow() != standing {
            self.stand(standing, level);
        }
    }

    fn lookout(&self) -> Lookout {
        let now = self.clock.steady();
        Lookout { at: now, refused: *self.refusals.borrow(), blind: None, named_at: now }
    }

    /// The next look that is answered.
    async fn look(&self, lookout: &mut Lookout) -> WebhookInfo {
        loop {
            self.next_look(lookout).await;
            let refused = *self.refusals.borrow();
            let answer = self.api.webhook_info().await;
            (lookout.at, lookout.refused) = (self.clock.steady(), refused);
            match answer {
                Ok(seen) => {
                    lookout.blind = None;
                    self.note(&seen);
                    if elapsed(lookout.named_at, lookout.at) >= NAME_INTERVAL {
                        lookout.named_at = lookout.at;
                        self.ask_name_again().await;
                    }
                    return seen;
                }
                Err(error) => {
                    let setback = Setback::of(error, true);
                    let standing = setback.standing();
                    if lookout.blind.as_ref() != Some(&standing) {
                        self.tell_of_blindness(&setback);
                        lookout.blind = Some(standing);
                    }
                    if let Setback::After(wait) = setback {
                        self.clock.sleep(wait).await;
                    }
                }
            }
        }
    }

    /// Returns when the interval is over, or earlier after a burst of wrong secret tokens: not more
    /// than six times as often, because strangers can cause one at will.
    async fn next_look(&self, lookout: &Lookout) {
        let mut refusals = self.refusals.clone();
        let burst = async {
            if refusals.wait_for(|count| *count >= lookout.refused + BURST).await.is_err() {
                future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = self.clock.sleep(self.watch_interval) => {}
            () = burst => {
                let since = elapsed(lookout.at, self.clock.steady());
                let wait = (self.watch_interval / 6).saturating_sub(since);
                if !wait.is_zero() {
                    self.clock.sleep(wait).await;
                }
            }
        }
    }

    fn tell_of_blindness(&self, setback: &Setback) {
        match setback {
            Setback::Healing { .. } | Setback::Slowly { .. } => self.stand(setback.standing(), Level::ERROR),
            Setback::Soon(reason) | Setback::Contended { reason, .. } | Setback::Later(reason) => {
                warn!("Telegram could not be asked about the webhook: {reason}. It stays as it was");
            }
            Setback::After(_) | Setback::Token(_) => {
                info!("Telegram could not be asked about the webhook: too many requests. It stays as it was");
            }
        }
    }
}

/// How a service stands that may not take a webhook over, when that webhook is gone: whoever had it
/// may be about to set it again.
fn given_up() -> Standing {
    Standing::Refused {
        reason: "it led to another service when this one started, and has been removed since".to_owned(),
        advice: "Doorbell leaves it to that service to set it again. If this one shall have the bot, start it again."
            .to_owned(),
    }
}

/// Whether Telegram itself was refused with 401, lately and since the webhook was registered.
fn is_refused(seen: &WebhookInfo, registered_at: Timestamp, now: Timestamp) -> bool {
    let is_401 = |message: &String| message.contains("response from the webhook: 401");
    let at = seen.last_error_date.and_then(|second| Timestamp::from_second(second).ok());
    seen.last_error_message.as_ref().is_some_and(is_401)
        && at.is_some_and(|at| at.as_second() >= registered_at.as_second() && elapsed(at, now) < FRESH)
}
