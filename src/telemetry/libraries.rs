//! Keeps the events of libraries out of the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::storm::Storm;
use crate::clock::SystemClock;

/// Accepts events and spans of our own crates, and withholds those of all others.
///
/// An event of a library may hold what the library was given: the URL of the Bot API with the bot token, a parameter of
/// `DATABASE_URL`, or a row. A list of dangerous libraries would never be complete, so this is a list of safe ones. For
/// warnings and errors of a library, one line a minute says that there were some. A failure that they are about reaches us
/// as an error too. Records of the crate `log` do not arrive here, because nothing forwards them.
pub(super) struct LibraryFilter {
    /// The crates whose events are logged.
    crates: Vec<String>,
    /// The warnings and errors that were withheld, by library.
    withheld: Mutex<BTreeMap<&'static str, Storm>>,
}

/// The crate that an event comes from.
fn origin<'a>(metadata: &Metadata<'a>) -> &'a str {
    metadata.target().split("::").next().unwrap_or_default()
}

impl LibraryFilter {
    /// Accepts this crate, and those crates.
    pub(super) fn new(crates: &[String]) -> Self {
        let crates = std::iter::once(env!("CARGO_PKG_NAME").to_owned()).chain(crates.iter().cloned()).collect();
        Self { crates, withheld: Mutex::default() }
    }

    fn is_ours(&self, metadata: &Metadata<'_>) -> bool {
        self.crates.iter().any(|name| name == origin(metadata))
    }

    fn is_problem(metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    /// Logs that a library reported a problem, at most once a minute.
    fn report(&self, metadata: &Metadata<'static>) {
        let library = origin(metadata);
        let due = {
            let mut withheld = self.withheld.lock();
            withheld.entry(library).or_insert_with(|| Storm::new(Arc::new(SystemClock))).event()
        };
        if let Some(times) = due {
            tracing::warn!(
                library,
                times,
                "a library reported a problem; its text is withheld because it may hold a secret. If something fails \
                 because of it, another line says what"
            );
        }
    }
}

impl<S: Subscriber> Layer<S> for LibraryFilter {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_ours(metadata) {
            Interest::always()
        } else if Self::is_problem(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.is_ours(metadata) || Self::is_problem(metadata)
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let ours = self.is_ours(event.metadata());
        if !ours {
            self.report(event.metadata());
        }
        ours
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};

    use tracing_subscriber::fmt::MakeWriter;

    use crate::settings::{LogFormat, LogSettings};

    #[derive(Clone, Default)]
    struct Lines(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[test]
    fn the_log_holds_our_events_and_no_event_or_span_of_a_library_at_any_level() {
        // With a single subscriber, tracing caches the decision of the first thread for all threads.
        let _second = tracing::Dispatch::new(tracing_subscriber::registry());
        for format in [LogFormat::Text, LogFormat::Json] {
            let lines = Lines::default();
            let filter = "trace,sqlx=trace,hyper::proto=trace,log=trace".to_owned();
            let settings = LogSettings { format, filter, colour: false, own: vec!["a_bot".to_owned()] };
            let log = crate::telemetry::log(&settings, lines.clone()).unwrap();
            tracing::subscriber::with_default(log, || {
                let span = tracing::error_span!(target: "sqlx::query", "a_span", statement = "MARKED");
                let _entered = span.enter();
                tracing::error!(target: "sqlx::query", statement = "MARKED", "MARKED");
                tracing::warn!(target: "doorbell_of_somebody", "MARKED");
                tracing::info!(target: "hyper::proto", "MARKED");
                tracing::trace!(target: "log", "MARKED");
                tracing::trace!("an event of ours");
                tracing::debug!(target: "a_bot::handler", "an event of the bot's");
            });
            let log = String::from_utf8(lines.0.lock().clone()).unwrap();
            assert!(log.contains("an event of ours") && log.contains("an event of the bot's"), "{log}");
            assert!(!log.contains("MARKED") && !log.contains("a_span"), "{log}");
        }
    }
}
