//! What the operator may decide: plain data, from layers, every problem at once.
//!
//! The one door is [`Settings::load`]: it lays the sources over one another (`layers`), reads each
//! key by its kind (`reader`, `sections`), and either all settings are right or the error lists
//! whatever is not. Only this room reads the environment, and files of settings.

mod describe;
mod file;
mod in_force;
mod keys;
mod layers;
mod origin;
mod platform;
mod problems;
mod proxy;
mod public_url;
mod reader;
mod schema;
mod sections;
mod sources;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;

use schemars::JsonSchema;

use layers::Layers;
use reader::{Reader, Refusal};

pub use in_force::{Entry, Shown};
pub use origin::Origin;
pub use platform::{Platform, Stage};
pub use problems::{Problem, SettingsError};
pub use proxy::Proxy;
pub use schema::json_schema;
pub use sections::button::ButtonSettings;
pub use sections::command::CommandSettings;
pub use sections::console::ConsoleSettings;
pub use sections::dispatch::{BackoffSettings, DispatchSettings};
pub use sections::inbox::{InboxSettings, InboxUrl};
pub use sections::log::{LogFormat, LogSettings};
pub use sections::outbound::OutboundSettings;
pub use sections::reply::ReplySettings;
pub use sections::server::ServerSettings;
pub use sections::telegram::TelegramSettings;
pub use sections::traces::TracesSettings;
pub use sections::webhook::{SourceMode, Takeover, WebhookSettings};
pub use sources::{Environment, Sources};

/// Everything the operator may decide.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Settings {
    /// `[telegram]`: the bot and the Bot API.
    pub telegram: TelegramSettings,
    /// `[server]`: the listener.
    pub server: ServerSettings,
    /// `[webhook]`: what is registered with Telegram, and what is let in.
    pub webhook: WebhookSettings,
    /// `[inbox]`: where updates are kept.
    pub inbox: InboxSettings,
    /// `[dispatch]`: how updates are handled.
    pub dispatch: DispatchSettings,
    /// `[outbound]`: how fast calls go to the Bot API.
    pub outbound: OutboundSettings,
    /// `[console]`: what is the operator's alone.
    pub console: ConsoleSettings,
    /// `[log]`: the log.
    pub log: LogSettings,
    /// `[traces]`: what is told to a collector of OpenTelemetry.
    pub traces: TracesSettings,
    /// `[[command]]`: the commands that are answered.
    #[schemars(rename = "command")]
    pub commands: Vec<CommandSettings>,
    /// `[[button]]`: the presses of buttons that have a reply.
    #[schemars(rename = "button")]
    pub buttons: Vec<ButtonSettings>,
    /// `[fallback]`: the reply to any other message in a private chat, text or not; there is one if it has a text.
    #[schemars(with = "ReplySettings")]
    pub fallback: Option<ReplySettings>,
    /// Where the service runs, as the environment shows it.
    #[schemars(skip)]
    pub platform: Platform,
    /// Variables that begin with `DOORBELL_` and set nothing: somebody else's, or a mistake.
    #[schemars(skip)]
    unread_variables: Vec<String>,
    /// What is probably not meant, although the service can start with it.
    #[schemars(skip)]
    pub warnings: Vec<Problem>,
    /// Each key with its value and where that came from.
    #[schemars(skip)]
    in_force: Vec<Entry>,
    /// Where the commands and their fields stand.
    #[schemars(skip)]
    places: BTreeMap<String, Origin>,
}

/// What a command cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it takes what there is.
    Nothing,
    /// The bot token; except on a preview, which may have none and then serves its health only.
    Token,
}

impl Settings {
    /// Reads the settings in force from their sources.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with them, or missing for what is needed, in one go.
    pub fn load(sources: &Sources, need: Need) -> Result<Self, SettingsError> {
        let platform = platform::recognise(&sources.environment);
        let mut from = Reader::of(Layers::of(sources));
        let telegram = TelegramSettings::read(&mut from);
        let public_api = telegram.is_public_api();
        let mut settings = Self {
            telegram,
            server: ServerSettings::read(&mut from, &platform),
            webhook: WebhookSettings::read(&mut from, public_api, &platform),
            inbox: InboxSettings::read(&mut from),
            dispatch: DispatchSettings::read(&mut from),
            outbound: OutboundSettings::read(&mut from),
            console: ConsoleSettings::read(&mut from),
            log: LogSettings::read(&mut from, sources.may_colour()),
            traces: TracesSettings::read(&mut from),
            commands: sections::command::read(&mut from),
            buttons: sections::button::read(&mut from),
            fallback: sections::reply::fallback(&mut from),
            platform,
            unread_variables: std::mem::take(&mut from.unread),
            warnings: Vec::new(),
            in_force: Vec::new(),
            places: std::mem::take(&mut from.places),
        };
        sections::console::compare(&settings, &mut from);
        if need == Need::Token && !settings.platform.is_preview() {
            ask_for_token(&mut from);
        }
        settings.in_force = from.entries;
        settings.warnings = from.warnings;
        if from.problems.is_empty() { Ok(settings) } else { Err(SettingsError { problems: from.problems }) }
    }

    /// Each key with its value, as far as it may be shown, and where that came from.
    #[must_use]
    pub fn in_force(&self) -> &[Entry] {
        &self.in_force
    }

    /// What is said of the proxy for calls to the Bot API, where one is set: host and port, and who
    /// named it.
    #[must_use]
    pub fn proxy_in_words(&self) -> Option<String> {
        let entry = self.in_force.iter().find(|entry| entry.key == PROXY && entry.value != Shown::NotSet)?;
        let source = &entry.source;
        Some(match &self.telegram.proxy {
            Some(proxy) => format!("calls to the Bot API go through the proxy at {} ({source})", proxy.address()),
            None => format!("the proxy is not used ({source}): the Bot API is on this machine"),
        })
    }

    /// What an operator should know of settings that are right.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let unread = self.unread_variables.join(", ");
        let remark = "A setting is written DOORBELL__SECTION__KEY, with two underscores; `doorbell settings` prints those \
                      in force";
        (!unread.is_empty()).then(|| format!("nothing reads these variables of the environment: {unread}. {remark}"))
    }

    /// Where the value of a key came from; of a command, such as `command[0].reply`, the line of the field.
    #[must_use]
    pub fn source(&self, key: &str) -> Option<&Origin> {
        let of_list = || self.in_force.iter().find(|entry| key.split('[').next() == Some(&entry.key));
        let entry = self.in_force.iter().find(|entry| entry.key == key);
        let place = || self.places.get(key).or_else(|| self.places.get(key.split('.').next()?));
        entry.map(|entry| &entry.source).or_else(place).or_else(|| of_list().map(|entry| &entry.source))
    }
}

/// The key of the proxy for calls to the Bot API.
const PROXY: &str = "telegram.proxy";

/// Notes that the bot token is missing, unless it may well stand in a file that could not be read.
fn ask_for_token(from: &mut Reader) {
    let key = "telegram.bot_token";
    let is_missing = from.entries.iter().any(|entry| entry.key == key && entry.value == Shown::NotSet);
    let is_reported = from.problems.iter().any(|problem| problem.key == key);
    if is_missing && !is_reported && !from.unreadable {
        let hint = "send /newbot (or /token) to @BotFather in Telegram, and set TELEGRAM_BOT_TOKEN, or \
                    TELEGRAM_BOT_TOKEN_FILE, to what it answers; `doorbell sandbox` runs without a token";
        let refusal = Refusal { found: Some("nothing".to_owned()), hint: Some(hint.to_owned()) };
        from.refuse(key, sections::telegram::BOT_TOKEN, refusal);
    }
}
