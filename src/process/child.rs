use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::bot_process::BotProcess;
use super::command::Command;
use super::environment::BotVariables;
use super::exit::{CannotStart, Exit};
use super::output::Output;
use super::port::port_is_open;
use super::redaction::Redaction;
use super::status::ChildStatus;
use crate::clock::{Backoff, SharedClock, elapsed, later};
use crate::lifecycle::{Shutdown, reap_orphans};

/// The wait before the bot is started again.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_mins(1) };
/// A bot that ran for this long was well, so the next wait is the first one again.
const RAN_WELL: Duration = Duration::from_mins(1);
/// A command that cannot be run ends within this time.
const AT_ONCE: Duration = Duration::from_secs(2);
/// How long the processes that the bot has left behind may take to end.
const LEFT_BEHIND: Duration = Duration::from_secs(5);
/// The least time for the bot to end at a stop, also if running work took the whole grace period.
const LEAST_GRACE: Duration = Duration::from_secs(1);
/// How long the end of killed processes, and their last output, may take.
const LAST: Duration = Duration::from_secs(1);
/// A bot whose port is not open after this time is reported.
const PORT_LIMIT: Duration = Duration::from_secs(10);
/// The interval at which a closed port is checked: it grows from the first to the second.
const CLOSED_INTERVAL: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(1) };
/// The interval at which an open port is checked.
const OPEN_INTERVAL: Duration = Duration::from_secs(5);

/// Your own bot as a child process.
pub struct Child {
    command: Command,
    bot: BotVariables,
    grace: Duration,
    drained: CancellationToken,
    clock: SharedClock,
    shutdown: Shutdown,
    output: Output,
    status: watch::Sender<ChildStatus>,
    killer: Killer,
}

/// Kills the bot, to show what happens then. It is started again.
#[derive(Clone, Default)]
pub struct Killer(Arc<Notify>);

impl Killer {
    /// Kills the bot and all processes that it started, if it runs.
    pub fn kill(&self) {
        self.0.notify_waiters();
    }
}

/// The dependencies of a [`Child`].
pub struct Deps {
    /// What to run.
    pub command: Command,
    /// What the bot is told. The port is free or the operator's.
    pub bot: BotVariables,
    /// How long a stop may take from the soft stop on.
    pub grace: Duration,
    /// Cancelled when running work has finished after the soft stop: then the bot is asked to end.
    pub drained: CancellationToken,
    /// The clock.
    pub clock: SharedClock,
    /// Stops the service.
    pub shutdown: Shutdown,
}

impl Child {
    /// A bot that has not been started yet.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { command, bot, grace, drained, clock, shutdown } = deps;
        let output = Output::new(Redaction::new(&bot.secrets()), Arc::clone(&clock));
        let status = watch::Sender::new(ChildStatus::Starting);
        Self { command, bot, grace, drained, clock, shutdown, output, status, killer: Killer::default() }
    }

    /// Kills the bot on demand.
    #[must_use]
    pub fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// The status, now and whenever it changes.
    #[must_use]
    pub fn status(&self) -> watch::Receiver<ChildStatus> {
        self.status.subscribe()
    }

    /// The output of the bot.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output.clone()
    }

    /// Runs the bot, and starts it again when it ends, until the soft stop. Then it waits until running work has finished
    /// ([`Deps::drained`]), asks the bot to end, and kills it at the end of the grace period or at the hard stop. When it
    /// returns, no process of the bot is left. As process 1 of a container, it reaps orphans meanwhile.
    ///
    /// # Errors
    ///
    /// When the command cannot be run at all. That is a mistake in the command only at the first start: later, a program
    /// may be missing while it is being replaced.
    pub async fn run(self) -> Result<(), CannotStart> {
        let result = tokio::select! {
            result = self.keep_running() => result,
            never = reap_orphans() => match never {},
        };
        self.status.send_replace(ChildStatus::Ended);
        result
    }

    async fn keep_running(&self) -> Result<(), CannotStart> {
        let (mut failures, mut restarts, mut before) = (0, 0, None);
        loop {
            self.status.send_replace(ChildStatus::Starting);
            let began = self.clock.steady();
            let exit = self.run_once(restarts, before).await;
            if self.shutdown.soft.is_cancelled() {
                tracing::info!("your bot {exit}, because the service stops");
                return Ok(());
            }
            let ran = elapsed(began, self.clock.steady());
            if restarts == 0 && ran < AT_ONCE && exit.cannot_run() {
                let last_line = self.output.last_lines().pop().map(|line| line.text);
                return Err(CannotStart { program: self.command.program(), exit, last_line });
            }
            failures = if ran >= RAN_WELL { 1 } else { failures + 1 };
            let wait = BACKOFF.wait(failures, rand::random());
            let last = exit.clause();
            tracing::warn!(?ran, ?wait, restarts, "your bot {last}. It is started again; updates wait for it");
            self.status.send_replace(ChildStatus::Waiting { until: later(self.clock.now(), wait), last: exit.clone() });
            before = Some(exit);
            tokio::select! {
                () = self.clock.sleep(wait) => restarts += 1,
                () = self.shutdown.soft.cancelled() => return Ok(()),
            }
        }
    }

    /// Runs the bot once. When it returns, no process of the bot is left.
    async fn run_once(&self, restarts: u32, before: Option<Exit>) -> Exit {
        if port_is_open(self.bot.port, &self.clock).await {
            let port = self.bot.port;
            tracing::warn!(port, "another program listens on the port of your bot, so your bot cannot");
        }
        let (mut process, pipes) = match BotProcess::start(&self.command, &self.bot) {
            Ok(started) => started,
            Err(error) => return Exit::NotStarted(error.into()),
        };
        let ended = CancellationToken::new();
        let running = async {
            let exit = self.accompany(&mut process, restarts, before).await;
            ended.cancel();
            exit
        };
        let reading = async {
            tokio::select! {
                () = self.output.read(pipes) => {}
                // A process that nobody could kill has the pipes.
                () = async { ended.cancelled().await; self.clock.sleep(LAST).await } => {}
            }
        };
        tokio::join!(running, reading).0
    }

    /// Waits for the end of the bot, or ends it at a stop.
    async fn accompany(&self, process: &mut BotProcess, restarts: u32, before: Option<Exit>) -> Exit {
        let limit = tokio::select! {
            () = self.live(process, restarts, before) => LEFT_BEHIND,
            limit = self.stop() => limit,
            () = self.killer.0.notified() => {
                process.kill().await;
                LEFT_BEHIND
            }
        };
        process.terminate().await;
        let ended = tokio::select! {
            exit = process.all_ended() => Some(exit),
            () = self.clock.sleep(limit) => None,
            () = self.shutdown.hard.cancelled() => None,
        };
        if let Some(exit) = ended {
            return exit;
        }
        if !self.shutdown.hard.is_cancelled() {
            tracing::warn!(?limit, "your bot, or a process that it started, did not end in time and is killed");
        }
        process.kill().await;
        tokio::select! {
            exit = process.all_ended() => exit,
            () = self.clock.sleep(LAST) => Exit::Unknown,
        }
    }

    /// Returns when the bot has ended by itself.
    async fn live(&self, process: &mut BotProcess, restarts: u32, before: Option<Exit>) {
        let Some(pid) = process.started().await else { return };
        let (port, since) = (self.bot.port, self.clock.now());
        tracing::info!(pid, port, restarts, "your bot was started");
        self.status.send_replace(ChildStatus::Running { pid, since, restarts, before, port, is_open: false });
        tokio::select! {
            _ = process.ended() => {}
            never = self.watch_port() => match never {},
        }
    }

    /// Logs and publishes whether the bot takes connections.
    async fn watch_port(&self) -> Infallible {
        let (port, began) = (self.bot.port, self.clock.steady());
        let (mut closed, mut reported) = (0, None);
        loop {
            let is_open = port_is_open(port, &self.clock).await;
            closed = if is_open { 0 } else { closed + 1 };
            let is_late = reported.is_some() || elapsed(began, self.clock.steady()) >= PORT_LIMIT;
            if reported != Some(is_open) && (is_open || is_late) {
                reported = Some(is_open);
                self.publish(is_open);
                if is_open {
                    tracing::info!(port, "your bot takes connections");
                } else {
                    tracing::warn!(
                        port,
                        "your bot takes no connections, so updates wait for it: it must run its webhook server on \
                         127.0.0.1 and on the port in its variable PORT"
                    );
                }
            }
            let interval = if is_open { OPEN_INTERVAL } else { CLOSED_INTERVAL.wait(closed, 0.0) };
            self.clock.sleep(interval).await;
        }
    }

    fn publish(&self, open: bool) {
        self.status.send_modify(|status| {
            if let ChildStatus::Running { is_open, .. } = status {
                *is_open = open;
            }
        });
    }

    /// Returns when the bot must end, and how long it may take.
    async fn stop(&self) -> Duration {
        self.shutdown.soft.cancelled().await;
        let began = self.clock.steady();
        tokio::select! {
            () = self.drained.cancelled() => {}
            () = self.shutdown.hard.cancelled() => {}
        }
        self.rest_of_grace(began).max(LEAST_GRACE)
    }

    fn rest_of_grace(&self, began: Timestamp) -> Duration {
        self.grace.saturating_sub(elapsed(began, self.clock.steady()))
    }
}
