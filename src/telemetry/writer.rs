//! Writes the log to standard error without blocking, and counts the lines that were lost.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// The lines that wait for a reader of standard error, some megabytes. Further lines are lost.
const QUEUED_LINES: usize = 8_192;
/// The time limit for the last lines when the process ends.
const LAST_LINES: Duration = Duration::from_secs(1);
/// While the queue is never empty, the loss is reported each time after this number of written lines.
const REPORT_EVERY: u64 = 10_000;

/// The writer of this process's log.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    dropped: ErrorCounter,
    progress: Arc<Progress>,
    guard: Mutex<Option<WorkerGuard>>,
}

/// What the writing thread reports to the others.
#[derive(Default)]
struct Progress {
    /// Whether lines are queued or being written.
    busy: Mutex<bool>,
    idle: Condvar,
    /// Lines that could not be written.
    failed: AtomicU64,
}

/// A writer that never blocks. A thread writes to standard error, and lines that are not read in time are lost and
/// counted. Each process has one writer.
pub(super) fn standard_error() -> NonBlocking {
    let progress = Arc::<Progress>::default();
    let thread = WriterThread { progress: Arc::clone(&progress), written: 0, reported: 0, last_succeeded: false };
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(QUEUED_LINES).thread_name("log");
    let (writer, guard) = builder.finish(thread);
    // The caller refuses a second log of this process; the first one stays.
    drop(LOG.set(Log { dropped: writer.error_counter(), progress, guard: Mutex::new(Some(guard)) }));
    writer
}

/// The number of log lines that were lost so far because standard error was not read.
#[must_use]
pub fn lost_lines() -> u64 {
    let Some(log) = LOG.get() else { return 0 };
    u64::try_from(log.dropped.dropped_lines()).unwrap_or(u64::MAX) + log.progress.failed.load(Ordering::Relaxed)
}

/// Writes the last lines of the log, for a second at most if they are not read. Nothing is logged after this.
pub fn flush() {
    let Some(log) = LOG.get() else { return };
    let Some(guard) = log.guard.lock().take() else { return };
    let mut busy = log.progress.busy.lock();
    let _ = log.progress.idle.wait_while_for(&mut busy, |busy| *busy, LAST_LINES);
    if *busy {
        // Standard error is not read. If the guard were dropped, it would wait for the thread and print that it waits.
        std::mem::forget(guard);
        return;
    }
    drop(busy);
    with_timeout(LAST_LINES, move || drop(guard));
}

/// Writes a text to standard error, for a second at most: a pipe that is not read must not keep the process running.
pub fn write_to_stderr(text: String) {
    with_timeout(LAST_LINES, move || {
        let _ = io::stderr().write_all(text.as_bytes());
    });
}

/// Runs `work` in a thread, and stops waiting for it after `limit`.
fn with_timeout(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::sync_channel::<()>(1);
    let started = thread::Builder::new().name("last lines".to_owned()).spawn(move || {
        work();
        drop(done);
    });
    if started.is_ok() {
        let _ = wait.recv_timeout(limit);
    }
}

/// What the writing thread writes to.
struct WriterThread {
    progress: Arc<Progress>,
    written: u64,
    /// The number of lost lines that was reported last.
    reported: u64,
    /// Whether the last line was written. A line that cannot be written must not cause another line.
    last_succeeded: bool,
}

impl WriterThread {
    /// Logs the number of lost lines, once the queue has free space again.
    fn report_loss(&mut self) {
        let lost = lost_lines();
        if self.last_succeeded && lost > self.reported {
            tracing::warn!(
                lines = lost - self.reported,
                total = lost,
                "lines of the log were lost because standard error was not read in time"
            );
            self.reported = lost;
        }
    }
}

impl Write for WriterThread {
    /// Writes a whole line, or counts it as lost.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        *self.progress.busy.lock() = true;
        self.last_succeeded = io::stderr().write_all(line).is_ok();
        if !self.last_succeeded {
            self.progress.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.written += 1;
        if self.written.is_multiple_of(REPORT_EVERY) {
            self.report_loss();
        }
        Ok(line.len())
    }

    /// Called when the queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        *self.progress.busy.lock() = false;
        self.progress.idle.notify_all();
        self.report_loss();
        Ok(())
    }
}
