//! Logs, metrics and traces: one log line for each event and never a secret in it, counters at the cost of an addition, and
//! one trace for each update if a collector is configured.

mod buckets;
mod label;
mod libraries;
mod measure;
mod panics;
mod pass_on;
mod storm;
mod traces;
mod writer;

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal};

use tracing::{Dispatch, Subscriber, dispatcher};
use tracing_subscriber::filter::{EnvFilter, ParseError};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, fmt as log_lines};

use crate::settings::{LogFormat, LogSettings};
pub use buckets::buckets;
pub(crate) use label::label;
pub use label::{Family, Label, Labels, Occurred};
use libraries::LibraryFilter;
pub use measure::{durations, sizes};
pub use panics::caught_panic;
pub use pass_on::pass_on;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::histogram::Histogram;
pub use prometheus_client::registry::{Registry, Unit};
pub use storm::{Storm, StormEnd};
pub use traces::{Span, Trace, Traces};
pub use writer::{flush, lost_lines, write_to_stderr};

/// Starts the log of this process on standard error. Writing a line never blocks. Call [`flush`] before the process ends.
///
/// # Errors
///
/// If the filter is not valid, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let coloured = settings.colour && io::stderr().is_terminal();
    let writer = writer::standard_error();
    let log = lines(settings, coloured, writer.clone())?;
    // `try_init` would also forward the records of the crate `log`, which only libraries write.
    dispatcher::set_global_default(Dispatch::new(log)).map_err(|error| TelemetryError::Started(error.into()))?;
    pass_on::prepare(writer, is_json(settings.format));
    panics::log_panics();
    Ok(())
}

/// The log, written without colours to `writer`.
///
/// # Errors
///
/// If the filter is not valid.
pub fn log<W>(settings: &LogSettings, writer: W) -> Result<impl Subscriber + Send + Sync + use<W>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    lines(settings, false, writer)
}

fn lines<W>(
    settings: &LogSettings,
    coloured: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + use<W>, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter)?;
    // A line that cannot be written must not cause another line.
    let log = log_lines::layer().with_writer(writer).log_internal_errors(false);
    let log = if is_json(settings.format) {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        log.with_ansi(coloured).boxed()
    };
    // Directives of the user's filter that name a library would win over directives, so libraries have a filter of their own.
    Ok(tracing_subscriber::registry().with(filter).with(LibraryFilter::new(&settings.own)).with(log))
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    }
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not valid.
    #[error("the log filter cannot be understood")]
    Filter(#[from] ParseError),
    /// This process has a log already.
    #[error("a log was started before")]
    Started(#[source] Box<dyn Error + Send + Sync>),
}

/// An error with all of its sources, in one line.
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
