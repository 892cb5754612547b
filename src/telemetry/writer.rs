use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// Lines that wait for a reader of standard error, some megabytes of them; what comes beyond is lost.
const LINES: usize = 8_192;
/// How long the last lines may take when the process ends.
const LAST_LINES: Duration = Duration::from_secs(1);
/// While lines are lost without a pause, the loss is said after so many lines that were written.
const LOSS_SAID_EVERY: u64 = 10_000;

/// The one writer of this process's log.
static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    refused: ErrorCounter,
    unwritten: Arc<Unwritten>,
    guard: Mutex<Option<WorkerGuard>>,
}

/// What the thread that writes has before it.
#[derive(Default)]
struct Unwritten {
    busy: Mutex<bool>,
    drained: Condvar,
    /// Lines that the system did not take.
    failed: AtomicU64,
}

impl Unwritten {
    fn busy(&self) -> MutexGuard<'_, bool> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A writer that never blocks: a thread of its own writes to standard error, and what a reader does not read in
/// time is lost and counted. There is one for each process.
pub(super) fn standard_error() -> NonBlocking {
    let unwritten = Arc::<Unwritten>::default();
    let thread = Thread { unwritten: Arc::clone(&unwritten), written: 0, said: 0, well: false };
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES).thread_name("log");
    let (writer, guard) = builder.finish(thread);
    // A second log of this process is refused by the caller, and the first one stays.
    drop(LOG.set(Log { refused: writer.error_counter(), unwritten, guard: Mutex::new(Some(guard)) }));
    writer
}

/// How many lines of the log were lost so far because standard error was not read.
#[must_use]
pub fn lost_lines() -> u64 {
    let Some(log) = LOG.get() else { return 0 };
    u64::try_from(log.refused.dropped_lines()).unwrap_or(u64::MAX) + log.unwritten.failed.load(Ordering::Relaxed)
}

/// Writes the last lines of the log, as far as somebody reads them, for a second at most. Nothing is logged after it.
pub fn flush() {
    let Some(log) = LOG.get() else { return };
    let Some(guard) = log.guard.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    let waited = log.unwritten.drained.wait_timeout_while(log.unwritten.busy(), LAST_LINES, |busy| *busy);
    if *waited.unwrap_or_else(PoisonError::into_inner).0 {
        // Nobody reads. Dropped, the guard would wait for the thread, and print that it does.
        std::mem::forget(guard);
        return;
    }
    within(LAST_LINES, move || drop(guard));
}

/// Writes a text to standard error, for a second at most: a pipe that nobody reads must not keep the process.
pub fn say_at_the_end(text: String) {
    within(LAST_LINES, move || {
        let _ = io::stderr().write_all(text.as_bytes());
    });
}

/// Does something in a thread of its own, and waits for it no longer than that.
fn within(limit: Duration, work: impl FnOnce() + Send + 'static) {
    let (done, wait) = mpsc::sync_channel::<()>(1);
    let begun = thread::Builder::new().name("last lines".to_owned()).spawn(move || {
        work();
        drop(done);
    });
    if begun.is_ok() {
        let _ = wait.recv_timeout(limit);
    }
}

/// The end of the log in the thread that writes.
struct Thread {
    unwritten: Arc<Unwritten>,
    written: u64,
    /// The number of lost lines that was said last.
    said: u64,
    /// Whether the last line was written: what cannot be written is not answered with one more line.
    well: bool,
}

impl Thread {
    /// Says that lines were lost, through the log itself, which has room again.
    fn say_what_was_lost(&mut self) {
        let lost = lost_lines();
        if self.well && lost > self.said {
            tracing::warn!(
                lines = lost - self.said,
                total = lost,
                "lines of the log were lost because standard error was not read in time"
            );
            self.said = lost;
        }
    }
}

impl Write for Thread {
    /// Writes a whole line, or loses and counts it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        *self.unwritten.busy() = true;
        self.well = io::stderr().write_all(line).is_ok();
        if !self.well {
            self.unwritten.failed.fetch_add(1, Ordering::Relaxed);
        }
        self.written += 1;
        if self.written.is_multiple_of(LOSS_SAID_EVERY) {
            self.say_what_was_lost();
        }
        Ok(line.len())
    }

    /// Nothing waits any more.
    fn flush(&mut self) -> io::Result<()> {
        *self.unwritten.busy() = false;
        self.unwritten.drained.notify_all();
        self.say_what_was_lost();
        Ok(())
    }
}
