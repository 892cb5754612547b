//! What the service says of itself: one line, one event, and never a secret; and what it counts, at the
//! price of an addition; and what becomes of each update, where somebody wants to be told.

mod label;
mod measure;
mod panics;
mod traces;

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal};

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{EnvFilter, ParseError, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt as log_lines};

use crate::settings::{LogFormat, LogSettings};
pub(crate) use label::label;
pub use label::{Family, Label, Labels};
pub use measure::{durations, sizes};
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::histogram::Histogram;
pub use prometheus_client::registry::{Registry, Unit};
pub use traces::{Span, Trace, Traces};

/// Libraries whose most talkative levels print what passes through them, the Bot API's paths and so
/// the bot token among it; they are held at `warn` whatever the filter says.
const TALKATIVE: [&str; 5] = ["hyper", "hyper_util", "reqwest", "h2", "rustls"];

/// Starts the log of this process, on standard error.
///
/// # Errors
///
/// When the filter cannot be understood, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let log = log(settings, io::stderr)?;
    log.try_init().map_err(|error| TelemetryError::Started(error.into()))?;
    panics::log_them();
    Ok(())
}

/// The log, written to wherever the caller wants it.
///
/// # Errors
///
/// When the filter cannot be understood.
pub fn log<W>(settings: &LogSettings, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter)?;
    let log = log_lines::layer().with_writer(writer);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let log = if json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    } else {
        log.with_ansi(io::stderr().is_terminal()).boxed()
    };
    // A filter of its own, not directives: one that names a module would win over them.
    let cap = filter_fn(|event| *event.level() <= Level::WARN || !is_talkative(event.target()));
    Ok(tracing_subscriber::registry().with(filter).with(cap).with(log))
}

/// Whether a target is one of those libraries, or a module in it.
fn is_talkative(target: &str) -> bool {
    TALKATIVE.contains(&target.split("::").next().unwrap_or_default())
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("the log filter cannot be understood")]
    Filter(#[from] ParseError),
    /// There is a log already.
    #[error("a log was started before")]
    Started(#[source] Box<dyn Error + Send + Sync>),
}

/// An error with everything that led to it, in one line.
pub fn chain(error: &dyn Error) -> impl Display + '_ {
    Chain(error)
}

struct Chain<'a>(&'a dyn Error);

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
