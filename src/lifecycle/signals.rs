use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::Shutdown;

/// Stops softly on the first SIGTERM or SIGINT, which mean the same, and hard on the second.
///
/// # Errors
///
/// When the process cannot listen for signals.
pub fn stop_on_signals(shutdown: &Shutdown) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = shutdown.clone();
    #[expect(clippy::disallowed_methods, reason = "stopping waits for tracked tasks, and must not wait for this one")]
    tokio::spawn(async move {
        for level in [&stop.soft, &stop.hard] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            tracing::info!(signal = name, hard = stop.soft.is_cancelled(), "told to stop");
            level.cancel();
        }
    });
    Ok(())
}
