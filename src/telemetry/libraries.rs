use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::Storm;
use crate::clock::SystemClock;

/// Lets our own events into the log and no library's.
///
/// A library writes what it was given: the URL of the Bot API with the bot token, a parameter of `DATABASE_URL`, a
/// row. No list of dangerous targets is ever complete, so this is a list of harmless ones. Of a warning or error of a
/// library one line a minute says that there was one; what fails because of it reaches us as an error too. Spans of
/// libraries do not exist in the log. Records of the crate `log` never come here, because nothing passes them on.
pub(super) struct OursOnly {
    /// The crates whose events are ours.
    crates: Vec<String>,
    withheld: Mutex<BTreeMap<&'static str, Storm>>,
}

/// The crate that an event comes from.
fn origin(metadata: &Metadata<'static>) -> &'static str {
    metadata.target().split("::").next().unwrap_or_default()
}

impl OursOnly {
    pub(super) fn new(beside: &[String]) -> Self {
        let crates = std::iter::once(env!("CARGO_PKG_NAME").to_owned()).chain(beside.iter().cloned()).collect();
        Self { crates, withheld: Mutex::default() }
    }

    fn is_ours(&self, metadata: &Metadata<'static>) -> bool {
        self.crates.iter().any(|name| name == origin(metadata))
    }

    fn is_mentioned(metadata: &Metadata<'static>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::WARN
    }

    fn mention(&self, metadata: &Metadata<'static>) {
        let library = origin(metadata);
        let due = {
            let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
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

impl<S: Subscriber> Layer<S> for OursOnly {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.is_ours(metadata) {
            Interest::always()
        } else if Self::is_mentioned(metadata) {
            Interest::sometimes()
        } else {
            Interest::never()
        }
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let origin = metadata.target().split("::").next().unwrap_or_default();
        self.crates.iter().any(|name| name == origin) || (metadata.is_event() && *metadata.level() <= Level::WARN)
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let ours = self.is_ours(event.metadata());
        if !ours {
            self.mention(event.metadata());
        }
        ours
    }
}
