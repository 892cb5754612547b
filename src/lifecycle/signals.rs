use std::convert::Infallible;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::{io, process, thread};

use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Ending, Shutdown};
use crate::fail;

/// What a shell adds to the number of the signal that ended a process.
const ENDED_BY: i32 = 128;

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

/// Stops softly on the first SIGTERM or SIGINT and hard on the second one; the third one ends the process at once.
///
/// A thread waits for them: they work also when every thread that serves is stuck.
///
/// # Errors
///
/// When the process cannot listen for signals.
pub fn stop_on_signals(shutdown: &Shutdown) -> io::Result<()> {
    let stop = shutdown.clone();
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
        if panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(obey(signals, &stop)))).is_err() {
            stop.part_failed("the signal handling", Ending::Panicked);
        }
    })?;
    is_ready.recv().unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

/// Ends the process at the third signal, and so never returns.
async fn obey(mut signals: Signals, stop: &Shutdown) -> Infallible {
    fail::point("signals");
    let first = signals.next().await;
    let how = if first == SignalKind::interrupt() { "press Ctrl-C again" } else { "send the signal again" };
    tracing::info!(signal = name(first), "told to stop; {how} to stop without waiting for what was begun");
    stop.soft.cancel();
    let second = signals.next().await;
    tracing::info!(signal = name(second), "told to stop without waiting; a third signal ends the process at once");
    stop.hard.cancel();
    let third = signals.next().await;
    process::exit(ENDED_BY + third.as_raw_value());
}

fn name(signal: SignalKind) -> &'static str {
    if signal == SignalKind::interrupt() { "SIGINT" } else { "SIGTERM" }
}
