//! What the service says of itself: one line, one event, and never a secret.

mod panics;

use std::error::Error;
use std::fmt::{self, Display};
use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::settings::{LogFormat, LogSettings};

/// Libraries whose most talkative levels print what passes through them, the Bot API's paths and so
/// the bot token among it; they are held at `warn` whatever the filter says.
const TALKATIVE: [&str; 5] = ["hyper=warn", "hyper_util=warn", "reqwest=warn", "h2=warn", "rustls=warn"];

/// Starts the log of this process, on standard error.
///
/// # Errors
///
/// When the filter cannot be understood, or a log was started before.
pub fn init(settings: &LogSettings) -> Result<(), TelemetryError> {
    let mut filter = EnvFilter::try_new(&settings.filter)?;
    for cap in TALKATIVE {
        filter = filter.add_directive(cap.parse()?);
    }
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let json = match settings.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !io::stderr().is_terminal(),
    };
    let started = if json {
        log.json().flatten_event(true).with_current_span(false).with_span_list(false).try_init()
    } else {
        log.with_ansi(io::stderr().is_terminal()).try_init()
    };
    started.map_err(TelemetryError::Started)?;
    panics::log_them();
    Ok(())
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
