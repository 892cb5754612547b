//! What the service says of itself: one line, one event, and never a secret; and what it counts, at the
//! price of an addition; and what becomes of each update, where somebody wants to be told.

mod label;
mod libraries;
mod measure;
mod panics;
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
pub(crate) use label::label;
pub use label::{Family, Label, Labels};
use libraries::OursOnly;
pub use measure::{durations, sizes};
pub use panics::caught_panic;
pub use prometheus_client::metrics::counter::Counter;
pub use prometheus_client::metrics::histogram::Histogram;
pub use prometheus_client::registry::{Registry, Unit};
pub use storm::{Over, Storm};
pub use traces::{Span, Trace, Traces};
pub use writer::{flush, lost_lines, say_at_the_end};

/// Starts the log of this process, on standard error. Writing to it never blocks; [`flush`] writes the last lines
/// before the process ends.
///
/// # Errors
///
/// When the filter cannot be understood, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let coloured = settings.colour && io::stderr().is_terminal();
    let log = lines(settings, coloured, writer::standard_error())?;
    // Not by `try_init`: that would pass on the records of the crate `log` too, which only libraries write.
    dispatcher::set_global_default(Dispatch::new(log)).map_err(|error| TelemetryError::Started(error.into()))?;
    panics::log_them();
    Ok(())
}

/// The log, written without colours to wherever the caller wants it.
///
/// # Errors
///
/// When the filter cannot be understood.
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
    // What cannot be written is not answered with a line on standard error.
    let log = log_lines::layer().with_writer(writer).log_internal_errors(false);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let log = if json {
        log.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    } else {
        log.with_ansi(coloured).boxed()
    };
    // A filter of its own, not directives: one that names a module would win over them.
    Ok(tracing_subscriber::registry().with(filter).with(OursOnly::new(&settings.own)).with(log))
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
