//! Passes lines of another program on to standard error, through the writer of the log.

use std::io::Write;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde_json::json;
use tracing_appender::non_blocking::NonBlocking;

/// The writer of the log, and whether its lines are JSON.
static LOG: OnceLock<(NonBlocking, bool)> = OnceLock::new();

/// Lines are passed on to this writer from now on.
pub(super) fn prepare(writer: NonBlocking, is_json: bool) {
    // The caller refuses a second log of this process; the first one stays.
    drop(LOG.set((writer, is_json)));
}

/// Passes on a line that your bot wrote, marked as such. It never blocks. Lines that are not read in time are lost and
/// counted, as those of the log. In a process without a log of its own, the line becomes an event.
pub fn pass_on(at: Timestamp, stream: &'static str, text: &str) {
    let Some((writer, is_json)) = LOG.get() else {
        tracing::info!(stream, "bot | {text}");
        return;
    };
    let line = if *is_json {
        format!("{}\n", json!({ "timestamp": at, "level": "INFO", "message": text, "stream": stream, "target": "bot" }))
    } else {
        format!("bot | {text}\n")
    };
    let _ = writer.clone().write_all(line.as_bytes());
}
