use schemars::JsonSchema;
use tracing_subscriber::EnvFilter;

use crate::settings::reader::{Reader, Refusal};

/// `[log]`: the log.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// What is logged, in the form of `RUST_LOG`.
    pub filter: String,
    /// Whether text on a terminal may be coloured; not where `NO_COLOR` is set.
    #[schemars(skip)]
    pub colour: bool,
    /// Crates beside `doorbell` whose events are logged as they are. The author of a bot that is linked to this
    /// library names the bot's own crate here; events of other crates are withheld.
    #[schemars(skip)]
    pub own: Vec<String>,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl LogSettings {
    pub(in crate::settings) fn read(from: &mut Reader, colour: bool) -> Self {
        Self {
            colour,
            own: Vec::new(),
            format: from.choice(
                "log.format",
                &[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)],
            ),
            filter: from.text(
                "log.filter",
                "a level, or levels for parts, such as info,doorbell::dispatch=debug",
                filter,
            ),
        }
    }
}

fn filter(text: &str) -> Result<String, Refusal> {
    match text.parse::<EnvFilter>() {
        Ok(_) if !text.trim().is_empty() => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err(Refusal::default()),
    }
}
