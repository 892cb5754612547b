//! Loads and validates all settings.

use config::Value;
use schemars::JsonSchema;

use super::effective::{Entry, Shown};
use super::merged::{Merged, find};
use super::platform::{self, Platform};
use super::problem::{Problem, Refusal, SettingsError};
use super::reader::Reader;
use super::sections::console::{self, ConsoleSettings};
use super::sections::dispatch::DispatchSettings;
use super::sections::forward::ForwardSettings;
use super::sections::gateway::GatewaySettings;
use super::sections::inbox::InboxSettings;
use super::sections::log::LogSettings;
use super::sections::outbound::OutboundSettings;
use super::sections::process::{self, ProcessSettings};
use super::sections::replies::{self, ButtonSettings, CommandSettings, ReplySettings};
use super::sections::server::ServerSettings;
use super::sections::telegram::{BOT_TOKEN, TelegramSettings};
use super::sections::traces::TracesSettings;
use super::sections::webhook::WebhookSettings;
use super::sources::Sources;
use super::{keys, variables};

/// All settings, each of which is valid.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct Settings {
    /// `[telegram]`: the bot and the Bot API.
    pub telegram: TelegramSettings,
    /// `[server]`: the listener.
    pub server: ServerSettings,
    /// `[webhook]`: what is registered with Telegram, and which requests are accepted.
    pub webhook: WebhookSettings,
    /// `[inbox]`: where updates are stored.
    pub inbox: InboxSettings,
    /// `[dispatch]`: how updates are handled.
    pub dispatch: DispatchSettings,
    /// `[outbound]`: how fast calls go to the Bot API.
    pub outbound: OutboundSettings,
    /// `[forward]`: your own bot, which receives updates over HTTP.
    pub forward: ForwardSettings,
    /// `[gateway]`: the Bot API for your own bot.
    pub gateway: GatewaySettings,
    /// `[process]`: your own bot as a child process.
    pub process: ProcessSettings,
    /// `[console]`: what only the operator may see.
    pub console: ConsoleSettings,
    /// `[log]`: the log.
    pub log: LogSettings,
    /// `[traces]`: the export of traces to an OpenTelemetry collector.
    pub traces: TracesSettings,
    /// `[[command]]`: the commands that are answered.
    #[schemars(rename = "command")]
    pub commands: Vec<CommandSettings>,
    /// `[[button]]`: the presses of buttons that have a reply.
    #[schemars(rename = "button")]
    pub buttons: Vec<ButtonSettings>,
    /// `[fallback]`: the reply to any other message in a private chat, text or not. It exists if it has a text.
    #[schemars(with = "ReplySettings")]
    pub fallback: Option<ReplySettings>,
    /// The platform on which the service runs, as the environment shows it.
    #[schemars(skip)]
    pub platform: Platform,
    /// Variables that begin with `DOORBELL_` and set nothing. They belong to another program or are mistyped.
    #[schemars(skip)]
    unread_variables: Vec<String>,
    /// Valid values that are probably a mistake. The service starts with them.
    #[schemars(skip)]
    pub warnings: Vec<Problem>,
    /// Each key with its value and source.
    #[schemars(skip)]
    effective: Vec<Entry>,
    /// The merged values, each with its origin; without secrets.
    #[schemars(skip)]
    merged: Value,
}

/// What a command requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// The bot token, except on a preview, which then serves its health only.
    Token,
}

impl Settings {
    /// Reads the settings from their sources.
    ///
    /// # Errors
    ///
    /// Every value that is invalid, or required and missing.
    pub fn load(sources: &Sources, need: Need) -> Result<Self, SettingsError> {
        let platform = platform::detect(&sources.environment);
        let mut from = Reader::new(Merged::new(sources));
        let telegram = TelegramSettings::read(&mut from);
        let public_api = telegram.is_public_api();
        let webhook = WebhookSettings::read(&mut from, public_api, &platform);
        let settings = Self {
            telegram,
            server: ServerSettings::read(&mut from, &platform),
            inbox: InboxSettings::read(&mut from),
            dispatch: DispatchSettings::read(&mut from, &webhook.allowed_updates),
            webhook,
            outbound: OutboundSettings::read(&mut from),
            forward: ForwardSettings::read(&mut from),
            gateway: GatewaySettings::read(&mut from),
            process: ProcessSettings::read(&mut from),
            console: ConsoleSettings::read(&mut from),
            log: LogSettings::read(&mut from, sources.may_colour()),
            traces: TracesSettings::read(&mut from),
            commands: replies::commands(&mut from),
            buttons: replies::buttons(&mut from),
            fallback: replies::fallback(&mut from),
            platform,
            unread_variables: variables::unread(&sources.environment),
            warnings: Vec::new(),
            effective: Vec::new(),
            merged: Value::default(),
        };
        let others = [
            ("the bot token", &settings.telegram.bot_token),
            ("the webhook's secret token", &settings.webhook.secret_token),
            ("the webhook's former secret token", &settings.webhook.previous_secret_token),
        ];
        process::compare(&settings.process, &settings.server, &mut from);
        console::compare(&settings.console, others, &mut from);
        if need == Need::Token && !settings.platform.is_preview() {
            require_token(&mut from);
        }
        let Reader { merged, entries, problems, warnings } = from;
        let merged = merged.into_root();
        let settings = Self { effective: entries, warnings, merged, ..settings };
        if problems.is_empty() { Ok(settings) } else { Err(SettingsError { problems }) }
    }

    /// Each key with its value and source. Secrets are described.
    #[must_use]
    pub fn effective(&self) -> &[Entry] {
        &self.effective
    }

    /// A sentence about the proxy for calls to the Bot API, if one is set: host, port and origin.
    #[must_use]
    pub fn proxy_in_words(&self) -> Option<String> {
        let entry = self.effective.iter().find(|entry| entry.key == keys::PROXY && entry.value != Shown::NotSet)?;
        let source = &entry.source;
        Some(match &self.telegram.proxy {
            Some(proxy) => format!("calls to the Bot API go through the proxy at {} ({source})", proxy.address()),
            None => format!("the proxy is not used ({source}): the Bot API is on this machine"),
        })
    }

    /// A warning about variables that set nothing, if there are any.
    #[must_use]
    pub fn remark(&self) -> Option<String> {
        let unread = self.unread_variables.join(", ");
        let remark = "A setting is written DOORBELL__SECTION__KEY, with two underscores; `doorbell settings` prints the \
                      effective ones";
        (!unread.is_empty()).then(|| format!("nothing reads these variables of the environment: {unread}. {remark}"))
    }

    /// The source of a key's value. For a field of a command, such as `command[0].reply`, it includes the line.
    #[must_use]
    pub fn source(&self, key: &str) -> Option<&str> {
        find(&self.merged, key).1
    }
}

/// Reports a missing bot token, unless the token may be in a file that could not be read.
fn require_token(from: &mut Reader) {
    let key = "telegram.bot_token";
    let is_missing = from.entries.iter().any(|entry| entry.key == key && entry.value == Shown::NotSet);
    let is_reported = from.problems.iter().any(|problem| problem.key == key);
    if is_missing && !is_reported && !from.merged.is_unreadable {
        let hint = "send /newbot (or /token) to @BotFather in Telegram, and set TELEGRAM_BOT_TOKEN, or \
                    TELEGRAM_BOT_TOKEN_FILE, to what it answers; `doorbell sandbox` runs without a token";
        from.refuse(key, BOT_TOKEN, Refusal::new("nothing", hint));
    }
}
