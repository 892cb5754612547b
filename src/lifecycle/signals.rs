use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::{io, process, thread};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::shutdown::Shutdown;
use super::task::{Task, TaskEnd};
use crate::fail_points;

/// A shell reports this number plus the signal's number as the exit status of a process that a signal ended.
const SIGNAL_EXIT_BASE: i32 = 128;

/// SIGTERM and SIGINT, which mean the same.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// From now on the first SIGTERM or SIGINT stops the service softly, the second one stops it hard, and the third one
/// ends the process at once.
///
/// A thread of its own waits for the signals, so that they also work when every thread of the runtime is blocked.
///
/// # Errors
///
/// When the process cannot listen for signals.
pub fn stop_on_signals(shutdown: &Shutdown) -> io::Result<()> {
    let shutdown = shutdown.clone();
    let (ready, is_ready) = mpsc::sync_channel(1);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let listening = Builder::new_current_thread().enable_io().build().and_then(|runtime| {
            let _entered = runtime.enter();
            let signals =
                Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? };
            Ok((runtime, signals))
        });
        let (runtime, signals) = match listening {
            Ok(listening) => listening,
            Err(error) => return drop(ready.send(Err(error))),
        };
        drop(ready.send(Ok(())));
        let handling = AssertUnwindSafe(|| runtime.block_on(stop_at_each(signals, &shutdown)));
        if panic::catch_unwind(handling).is_err() {
            shutdown.task_failed(Task::SignalHandling, TaskEnd::Panicked);
        }
    })?;
    is_ready.recv().unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

/// Never returns: the third signal ends the process.
async fn stop_at_each(mut signals: Signals, shutdown: &Shutdown) -> Infallible {
    fail_points::point_of("task", &Task::SignalHandling);
    let first = signals.next().await;
    let again = if first == SignalKind::interrupt() { "press Ctrl-C again" } else { "send the signal again" };
    tracing::info!(signal = name(first), "stopping after running work has finished; {again} to stop without waiting");
    shutdown.soft.cancel();
    let second = signals.next().await;
    tracing::info!(
        signal = name(second),
        "stopping without waiting for running work; a third signal ends the process at once"
    );
    shutdown.hard.cancel();
    let third = signals.next().await;
    process::exit(SIGNAL_EXIT_BASE + third.as_raw_value());
}

fn name(signal: SignalKind) -> &'static str {
    if signal == SignalKind::interrupt() { "SIGINT" } else { "SIGTERM" }
}
