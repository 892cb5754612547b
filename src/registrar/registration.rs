//! The steps of a registration: read, set, read back, and the delay before another attempt.

use std::time::Duration;

use tracing::Level;

use super::attempt::AttemptError;
use super::drift::{Judgement, drift, judge};
use super::repair::Damage;
use super::status::Status;
use super::step::{Attempts, Owner, Phase, Request, Turn};
use crate::clock::{Backoff, elapsed, later, with_jitter};
use crate::telegram::{ApiError, WebhookInfo};

/// For questions that got no answer: they change nothing, and Telegram's return is noticed within seconds.
const SOON: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_secs(8) };

/// For a change that Telegram did not make, because it failed or because another program changed the webhook too.
const LATER: Backoff = Backoff { first: Duration::from_secs(2), longest: Duration::from_mins(1) };

/// For a refusal that the operator must correct, such as a wrong setting.
const SLOWLY: Backoff = Backoff { first: Duration::from_mins(2), longest: Duration::from_mins(5) };

/// The wait after a transient refusal. The contract allows 5 to 15 s, and an attempt takes its time too.
const TRANSIENT_WAIT: Duration = Duration::from_secs(12);

/// For this long a transient refusal is tried every few seconds. The bot has no webhook in the meantime.
const TRANSIENT_TIME: Duration = Duration::from_mins(10);

/// Another program may change the webhook at the same moment this many times in a row before that is reported.
const CONTENDED_QUIETLY: u32 = 5;

impl Turn {
    /// Begins a registration.
    pub(super) fn register(&mut self) -> Request {
        self.state.attempts = Attempts::default();
        self.state.phase = Phase::Registering;
        self.begin_attempt()
    }

    /// Begins a registration that the operator has asked for. It replaces the webhook of another service too.
    pub(super) fn register_as_asked(&mut self) -> Request {
        self.log(Level::INFO, "The operator asked to register the webhook now.");
        self.state.start.is_ordered = true;
        self.register()
    }

    /// Begins an attempt, as soon as `setWebhook` may be called again.
    pub(super) fn begin_attempt(&mut self) -> Request {
        let wait = self.state.rate.wait(self.now.steady);
        if !wait.is_zero() {
            Request::Wait(wait)
        } else if self.state.identified {
            Request::GetWebhookInfo { recheck_empty: false }
        } else {
            Request::GetMe
        }
    }

    /// Decides whether the webhook that Telegram has now may be replaced.
    pub(super) fn before_change(&mut self, seen: &WebhookInfo) -> Request {
        // What the bot asks for may have been read from the store since the attempt began.
        self.adopt_kinds();
        let other = match judge(&self.state.wanted, seen, None) {
            Judgement::Foreign { host } => Some(host),
            Judgement::Right | Judgement::Wrong(_) => None,
        };
        let start = &mut self.state.start;
        let found = start.found.get_or_insert_with(|| other.clone().unwrap_or_default());
        if let Some(host) = other.as_ref().filter(|_| !start.is_ordered) {
            if !start.may_take_over || found != host {
                return self.superseded(host.clone());
            }
            if let Some(status) = Status::left_alone(self.state.wanted.takeover, host) {
                return self.leave_alone(status);
            }
        }
        start.replaces = other;
        self.state.rate.called(self.now.steady);
        Request::SetWebhook { drop_pending_updates: self.state.start.drop_pending_updates }
    }

    /// Handles the answer to `setWebhook`.
    pub(super) fn set(&mut self, answer: Result<String, ApiError>) -> Request {
        let start = &mut self.state.start;
        let replaced = start.replaces.take();
        match &answer {
            Err(ApiError::Throttled { .. }) => {}
            // A refusal has removed the webhook and, where that was asked, the updates that waited. What is seen from
            // now on was set by a program that started later.
            Err(ApiError::Refused { code: 400, .. }) => {
                (start.may_take_over, start.drop_pending_updates) = (false, false);
                self.state.rate.refused();
            }
            // A call whose answer was lost may have been carried out.
            Ok(_) | Err(_) => start.drop_pending_updates = false,
        }
        let remark = match answer {
            Ok(remark) => remark,
            Err(error) => return self.attempt_failed(AttemptError::of(error, self.state.identified).of_a_change()),
        };
        self.log(Level::DEBUG, format!("Telegram answered setWebhook: {remark}"));
        if let Some(host) = replaced {
            let why = if self.state.start.is_ordered { "The operator asked for it" } else { "The newest start wins" };
            let sentence = format!(
                "The webhook led to another service, at {host}. {why}: updates come here now, and none go there. If this \
                 was not intended, stop this service and start the other one again."
            );
            self.log(Level::WARN, sentence);
        }
        self.state.phase = Phase::Verifying;
        Request::GetWebhookInfo { recheck_empty: true }
    }

    /// Compares what Telegram made of the change.
    pub(super) fn after_change(&mut self, seen: WebhookInfo) -> Request {
        match judge(&self.state.wanted, &seen, Some(&seen)) {
            Judgement::Foreign { host } => self.superseded(host),
            Judgement::Wrong(drift) => self.repair(&Damage::of(drift)),
            Judgement::Right => self.registered(seen),
        }
    }

    fn registered(&mut self, settled: WebhookInfo) -> Request {
        self.start_is_over();
        for drift in drift(&self.state.wanted, &settled) {
            let source = self.source_of_kinds();
            let sentence = format!("Telegram changed a parameter of the webhook: {drift}. Check {source}.");
            self.log(Level::WARN, sentence);
        }
        self.state.health.record(&settled);
        let level = if self.state.repairs.are_frequent() { Level::DEBUG } else { Level::INFO };
        self.publish(Status::Active { host: self.state.wanted.host() }, level);
        self.begin_watch(Owner::Us { settled, since: self.now.utc });
        if std::mem::take(&mut self.state.commands_due) { Request::SetMyCommands } else { self.wait_for_look() }
    }

    /// Sets a damaged webhook again: at once the first time, and after growing waits if it keeps happening.
    pub(super) fn repair(&mut self, damage: &Damage) -> Request {
        self.start_is_over();
        let (wait, time) = self.state.repairs.damaged(damage);
        let sentence = damage.sentence(time);
        // The second sentence has said that this goes on.
        self.log(if time > 2 { Level::DEBUG } else { Level::WARN }, sentence.clone());
        self.state.health.repairs += 1;
        self.state.health.conflict = Some(sentence);
        self.state.deliveries.restart(later(self.now.utc, wait));
        if wait.is_zero() {
            return self.register();
        }
        if !damage.leaves_it_ours() {
            self.publish(Status::Registering { trouble: Some(damage.trouble(time)) }, Level::DEBUG);
        }
        self.state.attempts = Attempts::default();
        self.state.phase = Phase::Registering;
        Request::Wait(wait)
    }

    /// Reports why an attempt failed, once for each change of the reason, and waits before the next one.
    pub(super) fn attempt_failed(&mut self, error: AttemptError) -> Request {
        self.state.phase = Phase::Registering;
        let error = self.limit_transient(error);
        let status = error.status();
        let jitter = self.now.jitter;
        let attempts = &mut self.state.attempts;
        attempts.failed = attempts.failed.saturating_add(1);
        // Instances that start together meet throttles and each other. That is normal, and no reason for a warning.
        let (wait, level) = match error {
            AttemptError::TokenRefused(refused) => {
                // The caller that stops the service logs the reason.
                self.state.status = status;
                return Request::Stop(refused);
            }
            AttemptError::Throttled(wait) => {
                let spread = Duration::from_secs(2_u64.saturating_pow(attempts.failed.min(4)));
                (wait + spread.mul_f64(jitter), Level::INFO)
            }
            AttemptError::Contended { reason, least } => {
                attempts.contended += 1;
                // Instances that start together must spread more than the jitter of a back-off does.
                let wait = least + LATER.wait(attempts.contended, 0.0).mul_f64(1.0 - jitter / 2.0);
                if attempts.contended <= CONTENDED_QUIETLY {
                    if !self.state.status.is_active() {
                        self.state.status = Status::Registering { trouble: None };
                    }
                    self.log(Level::DEBUG, format!("Another program sets the webhook at this moment: {reason}"));
                    return Request::Wait(wait);
                }
                (wait, Level::INFO)
            }
            AttemptError::RetrySoon(_) => (SOON.wait(attempts.failed, jitter), Level::WARN),
            AttemptError::RetryLater(_) => (LATER.wait(attempts.failed, jitter), Level::WARN),
            AttemptError::Refused { transient: true, .. } => (with_jitter(TRANSIENT_WAIT, jitter), Level::WARN),
            AttemptError::Refused { transient: false, .. } => {
                attempts.needed_operator += 1;
                (SLOWLY.wait(attempts.needed_operator, jitter), Level::ERROR)
            }
        };
        let is_new = attempts.reported.replace(status.clone()).as_ref() != Some(&status);
        self.publish(status, if is_new { level } else { Level::DEBUG });
        Request::Wait(wait)
    }

    /// Treats a transient refusal that has lasted too long as one that needs the operator.
    fn limit_transient(&mut self, mut error: AttemptError) -> AttemptError {
        if let AttemptError::Refused { transient: transient @ true, .. } = &mut error {
            let since = *self.state.attempts.transient_since.get_or_insert(self.now.steady);
            *transient = elapsed(since, self.now.steady) < TRANSIENT_TIME;
        }
        error
    }

    /// Notes that the first registration of this start has ended.
    pub(super) fn start_is_over(&mut self) {
        let start = &mut self.state.start;
        (start.may_take_over, start.drop_pending_updates, start.is_ordered) = (false, false, false);
    }
}
