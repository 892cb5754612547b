//! The operator's settings: plain data, merged from their sources, with every problem reported at once.
//!
//! [`Settings::load`] merges the sources with `config` (`merged`), reads each key by its type (`reader`,
//! `sections`), and returns valid settings or an error that lists every problem.
//! No other module reads the environment or settings files.

mod describe;
mod effective;
mod keys;
mod layer;
mod load;
mod merged;
pub mod origin;
mod platform;
mod problem;
mod proxy;
mod public_url;
mod reader;
mod schema;
mod sections;
mod sources;
#[cfg(test)]
mod tests;
mod toml_file;
mod toml_value;
mod variables;

pub use effective::{Entry, Shown};
pub use load::{Need, Settings};
pub use platform::{Platform, Stage};
pub use problem::{Problem, SettingsError};
pub use proxy::Proxy;
pub use schema::json_schema;
pub use sections::console::ConsoleSettings;
pub use sections::dispatch::{BackoffSettings, DispatchSettings};
pub use sections::forward::ForwardSettings;
pub use sections::gateway::GatewaySettings;
pub use sections::inbox::{InboxSettings, InboxUrl};
pub use sections::log::{LogFormat, LogSettings};
pub use sections::outbound::OutboundSettings;
pub use sections::process::ProcessSettings;
pub use sections::replies::{ButtonSettings, CommandSettings, ReplySettings};
pub use sections::server::ServerSettings;
pub use sections::telegram::TelegramSettings;
pub use sections::traces::TracesSettings;
pub use sections::webhook::{SourceMode, Takeover, WebhookSettings, unknown_kinds};
pub use sources::{Environment, Sources, this_program};
pub use variables::inheritable;
