//! Decides what the registrar does: a pure function of its state, the last observation and the time.

use std::time::Duration;

use jiff::Timestamp;
use tracing::Level;

use super::attempt::AttemptError;
use super::deliveries::Deliveries;
use super::rate::SetWebhookRate;
use super::repair::Repairs;
use super::status::{RefusedToken, Status, WebhookHealth};
use super::wanted::WantedWebhook;
use crate::telegram::{ApiError, WebhookInfo};

/// Everything that the registrar remembers from one observation to the next.
#[derive(Debug)]
pub(super) struct State {
    pub(super) wanted: WantedWebhook,
    pub(super) kinds: Kinds,
    pub(super) watch_interval: Duration,
    /// Published after each step.
    pub(super) status: Status,
    /// Published after each step.
    pub(super) health: WebhookHealth,
    pub(super) phase: Phase,
    pub(super) attempts: Attempts,
    pub(super) watch: Watch,
    pub(super) start: Start,
    pub(super) repairs: Repairs,
    pub(super) deliveries: Deliveries,
    pub(super) rate: SetWebhookRate,
    /// Whether Telegram has accepted the bot token.
    pub(super) identified: bool,
    /// The steady time when the bot's username was last asked for.
    pub(super) named_at: Timestamp,
    /// Whether the bot's commands are still to be sent to Telegram.
    pub(super) commands_due: bool,
}

/// What the registrar is doing.
#[derive(Debug)]
pub(super) enum Phase {
    /// It attempts to set the webhook.
    Registering,
    /// `setWebhook` succeeded, and the webhook is read back.
    Verifying,
    /// It checks the webhook once per interval.
    Watching(Owner),
}

/// Whose webhook is being watched.
#[derive(Debug)]
pub(super) enum Owner {
    /// Ours.
    Us {
        /// What Telegram reported right after the webhook was set.
        settled: WebhookInfo,
        /// The time of day when it was set.
        since: Timestamp,
    },
    /// A service that started later.
    Newer {
        /// Whether the last check found no webhook.
        gone: bool,
    },
    /// A service that this one may not take over from.
    Protected,
}

/// What only the first registration of a start may do.
#[derive(Debug)]
pub(super) struct Start {
    /// Whether no call of this start has changed the webhook yet: only then may another host's be taken over.
    pub(super) may_take_over: bool,
    /// The other host whose webhook the first check found; empty if there was none. The webhook of any other host was
    /// set after this start.
    pub(super) found: Option<String>,
    /// Whether the next call discards the updates that wait at Telegram. A repair never does.
    pub(super) drop_pending_updates: bool,
    /// Whether the operator has asked to register now: then another host's webhook may be replaced too.
    pub(super) is_ordered: bool,
    /// The host whose webhook the current `setWebhook` replaces.
    pub(super) replaces: Option<String>,
}

/// The attempts of one registration.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    pub(super) failed: u32,
    pub(super) contended: u32,
    pub(super) needed_operator: u32,
    /// When the first transient refusal came, in steady time.
    pub(super) transient_since: Option<Timestamp>,
    /// The last status that was logged.
    pub(super) reported: Option<Status>,
}

/// The checks of a webhook.
#[derive(Debug)]
pub(super) struct Watch {
    /// The steady time of the last check.
    pub(super) last_look: Timestamp,
    /// How many requests with a wrong secret token there had been at the last check.
    pub(super) wrong_secrets: u64,
    /// That number at the last check that Telegram answered.
    pub(super) wrong_secrets_answered: u64,
    /// What was reported about failed checks.
    pub(super) failure: Option<Status>,
    /// How much longer than the interval Telegram has asked to wait for the next check.
    pub(super) throttle: Duration,
}

/// The kinds of updates that the bot behind the gateway asks for, as far as the registrar has acted on them.
#[derive(Debug)]
pub(super) struct Kinds {
    /// The webhook that the settings ask for.
    pub(super) settings: WantedWebhook,
    /// What the bot asked for when that was last looked at. `None`: as in the settings.
    pub(super) asked: Option<Vec<String>>,
    /// Whether a change has been noticed, and further changes are awaited.
    pub(super) settling: bool,
    /// Whether the log says that the operator's list is used and not the bot's.
    pub(super) overruled: bool,
}

/// The readings that belong to an observation.
#[derive(Clone, Debug)]
pub(super) struct Now {
    /// The time of day, for comparisons with Telegram's dates.
    pub(super) utc: Timestamp,
    /// The steady time, for waits and ages.
    pub(super) steady: Timestamp,
    /// A random number from 0 to 1.
    pub(super) jitter: f64,
    /// How many requests with a wrong secret token there have been since the start.
    pub(super) wrong_secrets: u64,
    /// The kinds of updates that the bot behind the gateway asks for. `None`: as in the settings.
    pub(super) kinds: Option<Vec<String>>,
}

/// How the last request ended.
#[derive(Debug)]
pub(super) enum Observation {
    /// The wait is over; also the first observation of all.
    WaitOver,
    /// The operator asked to register now, which ended the wait.
    Asked,
    /// The answer to `getMe`.
    Me(Result<(), ApiError>),
    /// The answer to `getWebhookInfo`.
    Webhook(Result<WebhookInfo, ApiError>),
    /// The answer to `setWebhook`, with Telegram's remark.
    Set(Result<String, ApiError>),
    /// The answer to `setMyCommands`.
    Commands(Result<(), ApiError>),
}

/// What to do after a step.
#[derive(Debug)]
pub(super) struct Actions {
    /// Lines to log, in this order.
    pub(super) log: Vec<(Level, String)>,
    /// The one thing whose end is the next observation.
    pub(super) request: Request,
}

/// What is done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Wait(Duration),
    /// Wait `at_most` this long, or until the bot asks for other kinds of updates, or until there have been
    /// `wrong_secrets` such requests, but then not before the steady time `earliest`: strangers can cause a burst at
    /// will.
    WaitForLook {
        at_most: Duration,
        wrong_secrets: u64,
        earliest: Timestamp,
    },
    GetMe,
    /// `recheck_empty`: ask once more after a moment if there is no webhook. There is none while Telegram checks the
    /// address of another `setWebhook`.
    GetWebhookInfo {
        recheck_empty: bool,
    },
    SetWebhook {
        drop_pending_updates: bool,
    },
    SetMyCommands,
    /// End the service.
    Stop(RefusedToken),
}

impl State {
    /// The state before the first observation.
    pub(super) fn new(wanted: WantedWebhook, watch_interval: Duration, commands_due: bool, now: &Now) -> Self {
        Self {
            watch_interval,
            status: Status::Registering { trouble: None },
            health: WebhookHealth::default(),
            phase: Phase::Registering,
            attempts: Attempts::default(),
            watch: Watch::new(now),
            start: Start {
                may_take_over: true,
                found: None,
                drop_pending_updates: wanted.drop_pending_updates,
                is_ordered: false,
                replaces: None,
            },
            repairs: Repairs::new(watch_interval),
            deliveries: Deliveries::new(now.utc),
            rate: SetWebhookRate::new(watch_interval),
            identified: false,
            named_at: now.steady,
            commands_due,
            kinds: Kinds { settings: wanted.clone(), asked: None, settling: false, overruled: false },
            wanted,
        }
    }
}

impl Watch {
    pub(super) fn new(now: &Now) -> Self {
        let (last_look, wrong_secrets) = (now.steady, now.wrong_secrets);
        let (failure, throttle) = (None, Duration::ZERO);
        Self { last_look, wrong_secrets, wrong_secrets_answered: wrong_secrets, failure, throttle }
    }
}

/// The state after `observation`, and what to do next.
pub(super) fn step(state: State, observation: Observation, now: Now) -> (State, Actions) {
    let mut turn = Turn { state, now, log: Vec::new() };
    let request = turn.observe(observation);
    (turn.state, Actions { log: turn.log, request })
}

/// One step in progress.
pub(super) struct Turn {
    pub(super) state: State,
    pub(super) now: Now,
    log: Vec<(Level, String)>,
}

impl Turn {
    fn observe(&mut self, observation: Observation) -> Request {
        let watching = matches!(self.state.phase, Phase::Watching(_));
        match observation {
            Observation::WaitOver if watching => self.kinds_changed().unwrap_or_else(|| self.look_due()),
            Observation::WaitOver => self.begin_attempt(),
            Observation::Asked => self.register_as_asked(),
            Observation::Me(_) if watching => self.look(),
            Observation::Me(Ok(())) => {
                self.state.identified = true;
                Request::GetWebhookInfo { recheck_empty: false }
            }
            Observation::Me(Err(error)) => self.attempt_failed(AttemptError::of(error, self.state.identified)),
            Observation::Webhook(Err(error)) if watching => self.look_failed(error),
            Observation::Webhook(Err(error)) => {
                let error = AttemptError::of(error, self.state.identified);
                let verifying = matches!(self.state.phase, Phase::Verifying);
                self.attempt_failed(if verifying { error.of_a_change() } else { error })
            }
            Observation::Webhook(Ok(seen)) => match self.state.phase {
                Phase::Registering => self.before_change(&seen),
                Phase::Verifying => self.after_change(seen),
                Phase::Watching(_) => self.looked(&seen),
            },
            Observation::Set(answer) => self.set(answer),
            Observation::Commands(answer) => {
                match answer {
                    Ok(()) => self.log(Level::INFO, "Telegram has the bot's list of commands."),
                    Err(error) => self.log(
                        Level::WARN,
                        format!(
                            "Telegram did not accept the bot's list of commands: {error}. The commands work, but Telegram \
                             does not suggest them when a person types /. The next start tries again."
                        ),
                    ),
                }
                self.wait_for_look()
            }
        }
    }

    pub(super) fn log(&mut self, level: Level, text: impl Into<String>) {
        self.log.push((level, text.into()));
    }

    /// Changes the status and logs its sentence.
    pub(super) fn publish(&mut self, status: Status, level: Level) {
        self.log(level, status.sentence());
        self.state.status = status;
    }

    /// Changes the status, and logs its sentence only if it is another than before.
    pub(super) fn publish_if_new(&mut self, status: Status, level: Level) {
        if self.state.status != status {
            self.publish(status, level);
        }
    }
}
