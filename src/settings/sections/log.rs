use schemars::JsonSchema;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::settings::describe;
use crate::settings::reader::{Reader, Refusal};

/// What the targets of our own lines begin with.
const OUR_TARGET: &str = "doorbell";

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
        Ok(_) if !text.trim().is_empty() => speaks(text).map(|()| text.to_owned()),
        Ok(_) | Err(_) => Err(Refusal::default()),
    }
}

/// To the filter each word is the name of a part of the program, also one that was meant as a level. A filter that
/// would silence this whole program was not meant; what turns the log off is the level `off`.
fn speaks(text: &str) -> Result<(), Refusal> {
    let mut heard = false;
    // Commas within the fields of a span separate nothing.
    if text.contains('[') {
        return Ok(());
    }
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let target = part.split('=').next().unwrap_or_default();
        let is_ours = target.split("::").next() == Some(OUR_TARGET);
        let is_level = part.parse::<LevelFilter>().is_ok();
        heard |= is_ours || is_level;
        if !part.contains('=') && !is_ours && !is_level {
            let hint = "the levels are error, warn, info, debug, trace and off; a part of the program is written with its \
                        level, such as doorbell::dispatch=debug";
            let found = format!("\"{}\", which is no level", describe::text(part));
            return Err(Refusal { found: Some(found), hint: Some(hint.to_owned()) });
        }
    }
    let hint = "begin with a level for all the rest, such as info,";
    if heard {
        Ok(())
    } else {
        Err(Refusal {
            found: Some(format!("\"{}\", under which Doorbell itself logs nothing", describe::text(text))),
            hint: Some(format!("{hint}{}", describe::text(text))),
        })
    }
}
