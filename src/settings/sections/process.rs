use schemars::JsonSchema;

use super::server::ServerSettings;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// `[process]`: your own bot as a child process.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ProcessSettings {
    /// The port for the child's webhook server; 0 means any free one.
    pub port: u16,
}

impl ProcessSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self { port: from.whole("process.port", 0..=65_535) }
    }
}

/// Refuses to give the bot the port of the service.
pub(in crate::settings) fn compare(process: &ProcessSettings, server: &ServerSettings, from: &mut Reader) {
    if process.port != 0 && process.port == server.port {
        let hint = "the bot and the service cannot listen on the same port; 0 selects a free one for the bot";
        from.refuse("process.port", "a port other than server.port", Refusal::hint(hint));
    }
}
