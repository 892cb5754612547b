use schemars::JsonSchema;

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
