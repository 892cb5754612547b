use schemars::JsonSchema;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::describe;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// The target of every event of this crate begins with this.
const OUR_TARGET: &str = "doorbell";

/// `[log]`: the log.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct LogSettings {
    /// The format of a line.
    pub format: LogFormat,
    /// What is logged, in the syntax of `RUST_LOG`.
    pub filter: String,
    /// Whether text on a terminal may be coloured. `NO_COLOR` forbids it.
    #[schemars(skip)]
    pub colour: bool,
    /// Further crates whose events are logged unchanged, such as the crate of a bot that uses this library. Events of
    /// other crates are not logged.
    #[schemars(skip)]
    pub own: Vec<String>,
}

/// The format of a log line.
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
        Ok(_) if !text.trim().is_empty() => logs_something(text).map(|()| text.to_owned()),
        Ok(_) | Err(_) => Err(Refusal::default()),
    }
}

/// Refuses a filter that would silence this program. To `EnvFilter` a mistyped level is the name of a target, so it is
/// valid and logs nothing. The level `off` turns the log off on purpose.
fn logs_something(text: &str) -> Result<(), Refusal> {
    let mut logs = false;
    // Commas within the fields of a span separate nothing.
    if text.contains('[') {
        return Ok(());
    }
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let target = part.split('=').next().unwrap_or_default();
        let is_ours = target.split("::").next() == Some(OUR_TARGET);
        let is_level = part.parse::<LevelFilter>().is_ok();
        logs |= is_ours || is_level;
        if !part.contains('=') && !is_ours && !is_level {
            let hint = "the levels are error, warn, info, debug, trace and off; a part of the program is written with its \
                        level, such as doorbell::dispatch=debug";
            let found = format!("\"{}\", which is no level", describe::text(part));
            return Err(Refusal::new(found, hint));
        }
    }
    let hint = "begin with a level for all the rest, such as info,";
    if logs {
        Ok(())
    } else {
        let found = format!("\"{}\", under which Doorbell itself logs nothing", describe::text(text));
        Err(Refusal::new(found, format!("{hint}{}", describe::text(text))))
    }
}
