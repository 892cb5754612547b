//! The checks of a registered webhook or another service's, and the reaction to each result.

use std::time::Duration;

use jiff::Timestamp;
use tracing::Level;

use super::attempt::AttemptError;
use super::deliveries::Report;
use super::drift::{Drift, Judgement, judge};
use super::repair::Damage;
use super::status::Status;
use super::step::{Owner, Phase, Request, Turn, Watch};
use crate::clock::{elapsed, later};
use crate::humanize::times;
use crate::telegram::{ApiError, WebhookInfo};

/// How often the bot's username is asked for.
pub(super) const NAME_INTERVAL: Duration = Duration::from_hours(1);

/// This many wrong secret tokens since the last check cause another check.
const BURST: u64 = 3;

/// A burst of wrong secret tokens shortens the interval to this part of it at most.
const FASTEST: u32 = 6;

/// A 401 that Telegram reports counts as current for this long.
const FRESH: Duration = Duration::from_mins(5);

impl Turn {
    pub(super) fn begin_watch(&mut self, owner: Owner) {
        self.state.watch = Watch::new(&self.now);
        self.state.phase = Phase::Watching(owner);
    }

    /// Watches the webhook of a service that started later. It is not taken back while it leads there.
    pub(super) fn superseded(&mut self, host: String) -> Request {
        self.start_is_over();
        self.publish(Status::Superseded { host }, Level::WARN);
        (self.state.health.conflict, self.state.health.trouble) = (None, None);
        self.begin_watch(Owner::Newer { gone: false });
        self.wait_for_look()
    }

    /// Watches the webhook of a service that this one may not take over from.
    pub(super) fn leave_alone(&mut self, status: Status) -> Request {
        self.start_is_over();
        self.publish_if_new(status, Level::ERROR);
        self.begin_watch(Owner::Protected);
        self.wait_for_look()
    }

    pub(super) fn wait_for_look(&self) -> Request {
        let (interval, watch) = (self.state.watch_interval, &self.state.watch);
        Request::WaitForLook {
            at_most: elapsed(self.now.steady, later(watch.last_look, watch.throttle + interval)),
            wrong_secrets: watch.wrong_secrets + BURST,
            earliest: later(watch.last_look, watch.throttle + interval / FASTEST),
        }
    }

    /// Asks for the bot's username first if it is time: with it changes what `/start@name` is addressed to.
    pub(super) fn look_due(&mut self) -> Request {
        if elapsed(self.state.named_at, self.now.steady) < NAME_INTERVAL {
            return self.look();
        }
        self.state.named_at = self.now.steady;
        Request::GetMe
    }

    pub(super) fn look(&mut self) -> Request {
        self.state.watch.wrong_secrets = self.now.wrong_secrets;
        Request::GetWebhookInfo { recheck_empty: matches!(self.state.phase, Phase::Watching(Owner::Us { .. })) }
    }

    /// A failed check changes nothing: the status stays as it was.
    pub(super) fn look_failed(&mut self, error: ApiError) -> Request {
        self.state.watch.last_look = self.now.steady;
        let error = AttemptError::of(error, true);
        let status = error.status();
        if self.state.watch.failure.replace(status.clone()).as_ref() != Some(&status) {
            self.report_failed_look(&error, status);
        }
        self.state.watch.throttle = if let AttemptError::Throttled(wait) = error { wait } else { Duration::ZERO };
        self.wait_for_look()
    }

    fn report_failed_look(&mut self, error: &AttemptError, status: Status) {
        let (level, reason) = match error {
            AttemptError::Refused { .. } => return self.publish(status, Level::ERROR),
            AttemptError::Throttled(_) | AttemptError::TokenRefused(_) => (Level::INFO, "too many requests (429)"),
            AttemptError::RetrySoon(reason)
            | AttemptError::Contended { reason, .. }
            | AttemptError::RetryLater(reason) => (Level::WARN, reason.as_str()),
        };
        self.log(level, format!("Telegram could not be asked about the webhook: {reason}. The webhook is unchanged."));
    }

    /// Handles the result of a check.
    pub(super) fn looked(&mut self, seen: &WebhookInfo) -> Request {
        let watch = &mut self.state.watch;
        (watch.last_look, watch.failure, watch.throttle) = (self.now.steady, None, Duration::ZERO);
        let burst = watch.wrong_secrets > watch.wrong_secrets_answered;
        watch.wrong_secrets_answered = watch.wrong_secrets;
        self.state.health.record(seen);
        match &self.state.phase {
            Phase::Watching(Owner::Us { settled, since }) => match judge(&self.state.wanted, seen, Some(settled)) {
                Judgement::Foreign { host } => self.superseded(host),
                Judgement::Wrong(drift) => self.repair(&Damage::of(drift)),
                // Anybody can send wrong secrets. Only Telegram's own report makes them a reason.
                Judgement::Right if burst && telegram_was_refused(seen, *since, self.now.utc) => {
                    self.repair(&Damage::Secret)
                }
                Judgement::Right => self.still_ours(seen),
            },
            Phase::Watching(Owner::Newer { gone }) => {
                let gone = *gone;
                self.still_superseded(seen, gone)
            }
            Phase::Watching(Owner::Protected) | Phase::Registering | Phase::Verifying => self.still_protected(seen),
        }
    }

    fn still_ours(&mut self, seen: &WebhookInfo) -> Request {
        if !self.state.status.is_active() {
            self.publish(Status::Active { host: self.state.wanted.host() }, Level::INFO);
        }
        if let Some(repairs) = self.state.repairs.intact(self.now.steady) {
            let sentence =
                format!("The webhook has not been changed for a while. It had been set again {}.", times(repairs));
            self.log(Level::INFO, sentence);
            self.state.health.conflict = None;
        }
        match self.state.deliveries.look(seen, self.now.utc) {
            Some(Report::Trouble(trouble)) => {
                self.log(Level::WARN, trouble.clone());
                self.state.health.trouble = Some(trouble);
            }
            Some(Report::Over(sentence)) => {
                self.log(Level::INFO, sentence);
                self.state.health.trouble = None;
            }
            None => {}
        }
        self.wait_for_look()
    }

    /// Another service's webhook must be gone at two checks in a row, so that that service can set it again first.
    fn still_superseded(&mut self, seen: &WebhookInfo, was_gone: bool) -> Request {
        let gone = match judge(&self.state.wanted, seen, None) {
            Judgement::Foreign { host } => {
                self.publish_if_new(Status::Superseded { host }, Level::WARN);
                false
            }
            Judgement::Wrong(Drift::Empty) if !was_gone => true,
            Judgement::Wrong(Drift::Empty) => {
                self.log(
                    Level::INFO,
                    "The webhook of the other service was removed. Doorbell registers its own again.",
                );
                return self.register();
            }
            // It leads here. The other service's secret token may still be set, and cannot be seen.
            Judgement::Wrong(_) | Judgement::Right => return self.register(),
        };
        self.state.phase = Phase::Watching(Owner::Newer { gone });
        self.wait_for_look()
    }

    /// A protected webhook is left alone until it leads here: then the operator has set it on purpose.
    fn still_protected(&mut self, seen: &WebhookInfo) -> Request {
        match judge(&self.state.wanted, seen, None) {
            Judgement::Foreign { host } => {
                if let Some(status) = Status::left_alone(self.state.wanted.takeover, &host) {
                    self.publish_if_new(status, Level::ERROR);
                }
            }
            Judgement::Wrong(Drift::Empty) => self.publish_if_new(Status::removed_elsewhere(), Level::WARN),
            Judgement::Wrong(_) | Judgement::Right => return self.register(),
        }
        self.wait_for_look()
    }
}

/// Whether Telegram reports a 401 of our webhook, recently and since the webhook was set at `since`.
fn telegram_was_refused(seen: &WebhookInfo, since: Timestamp, now: Timestamp) -> bool {
    let is_401 = |message: &String| message.contains("response from the webhook: 401");
    seen.last_error_message.as_ref().is_some_and(is_401)
        && seen.last_error_at().is_some_and(|at| at.as_second() >= since.as_second() && elapsed(at, now) < FRESH)
}
