use std::convert::Infallible;
use std::future::pending;
use std::io;

use rustix::process::{WaitOptions, getpid, wait};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Says when child processes of this process have ended.
pub struct EndedChildren(Signal);

impl EndedChildren {
    /// From now on no end is missed. It must be called inside a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When the process cannot listen for signals.
    pub fn listen() -> io::Result<Self> {
        Ok(Self(signal(SignalKind::child())?))
    }

    /// Returns when at least one child process has ended since the last call.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// From now on SIGTERM, SIGINT and SIGHUP do not end this process: somebody else decides when it ends. Programs that it
/// starts are not affected. It must be called inside a Tokio runtime.
///
/// # Errors
///
/// When the process cannot listen for signals.
pub fn survive_stop_signals() -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        // The handler stays when its receiver is dropped.
        drop(signal(kind)?);
    }
    Ok(())
}

/// As process 1 of a container, reaps the processes whose parents have ended. Otherwise the system has another process
/// for that, and this function only waits.
///
/// It takes the exit status of every child process of this process, so nobody else gets it.
pub async fn reap_orphans() -> Infallible {
    if getpid().is_init()
        && let Ok(mut ended) = EndedChildren::listen()
    {
        loop {
            while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
            ended.next().await;
        }
    }
    pending().await
}
