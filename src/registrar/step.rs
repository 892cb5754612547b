//! Decides what the registrar does: a pure function of its state, the last observation and the time.

use tracing::Level;

use super::attempt::AttemptError;
use super::state::{Actions, Now, Observation, Phase, Request, State};
use super::status::Status;

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
            Observation::WaitOver if watching => self.look_due(),
            Observation::WaitOver => self.begin_attempt(),
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
