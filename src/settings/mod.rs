//! What the operator may decide: plain data, from layers, every problem at once.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Everything the operator may decide.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[telegram]`
    pub telegram: TelegramSettings,
    /// `[server]`
    pub server: ServerSettings,
    /// `[webhook]`
    pub webhook: WebhookSettings,
    /// `[inbox]`
    pub inbox: InboxSettings,
    /// `[dispatch]`
    pub dispatch: DispatchSettings,
    /// `[log]`
    pub log: LogSettings,
    /// `[[command]]`
    pub commands: Vec<CommandSettings>,
    /// `[fallback]`
    pub fallback: Option<ReplySettings>,
    /// Where the service runs, as the environment shows it.
    pub platform: Platform,
}

/// `[telegram]`: the bot and the Bot API.
#[derive(Clone, Debug)]
pub struct TelegramSettings {
    /// The token BotFather gave; its form has been checked.
    pub bot_token: Option<SecretString>,
    /// The Bot API's base URL, without a slash at its end.
    pub api_url: String,
}

/// `[server]`: the listener.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port to listen on; 0 takes a free one.
    pub port: u16,
}

/// `[webhook]`: what is registered with Telegram, and what is let in.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// The service's public base URL, without a path; from the platform when not set.
    pub public_url: Option<String>,
    /// The secret token; derived from the bot token when not set.
    pub secret_token: Option<SecretString>,
    /// A former secret token that is still let in.
    pub previous_secret_token: Option<SecretString>,
    /// The kinds of updates wanted; empty for Telegram's default.
    pub allowed_updates: Vec<String>,
    /// The most connections Telegram opens at once, 1 to 100.
    pub max_connections: u32,
    /// Whether what waits at Telegram is thrown away at each registration.
    pub drop_pending_updates: bool,
    /// Whether the service registers itself at all.
    pub register: bool,
    /// When a webhook of another host is taken over.
    pub takeover: Takeover,
    /// How often the registration is looked after.
    pub watch_interval: Duration,
}

/// When a webhook of another host is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takeover {
    /// By the production service of a recognised platform only.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `[inbox]`: where updates are kept.
#[derive(Clone, Debug)]
pub struct InboxSettings {
    /// The keeper.
    pub url: InboxUrl,
    /// The most updates that may wait.
    pub capacity: usize,
    /// How long an update that is done is remembered, 48 h at least.
    pub keep_done: Duration,
}

/// Where updates are kept.
#[derive(Clone, Debug)]
pub enum InboxUrl {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `memory:`
    Memory,
    /// `postgres://…`, which holds a password
    Postgres(SecretString),
}

/// `[dispatch]`: how updates are handled.
#[derive(Clone, Debug)]
pub struct DispatchSettings {
    /// How many updates are handled at once, of as many chats.
    pub concurrency: usize,
    /// The time limit of one run of the handler.
    pub handler_timeout: Duration,
    /// How often an update is tried before it is dead.
    pub attempts: u32,
    /// The schedule of those tries.
    pub backoff: BackoffSettings,
}

/// `[dispatch.backoff]`: the wait before the next try, doubled each time.
#[derive(Clone, Debug)]
pub struct BackoffSettings {
    /// The wait after the first failure.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

/// `[log]`: the log.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// The form of a line.
    pub format: LogFormat,
    /// What is logged, in the form of `RUST_LOG`.
    pub filter: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[[command]]`: a command and its reply.
#[derive(Clone, Debug)]
pub struct CommandSettings {
    /// The command's name, without the slash.
    pub name: String,
    /// What Telegram shows beside it; a command without one is hidden.
    pub description: Option<String>,
    /// The reply.
    pub reply: ReplySettings,
}

/// A reply, of a command or the fallback.
#[derive(Clone, Debug)]
pub struct ReplySettings {
    /// The template of the text.
    pub reply: String,
    /// `HTML`, `Markdown` or `MarkdownV2`.
    pub parse_mode: Option<String>,
    /// Rows of buttons.
    pub buttons: Vec<Vec<BTreeMap<String, String>>>,
}

/// Where the service runs, as the environment shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Platform {
    /// The platform's name, such as `Render`; none on an unknown machine.
    pub name: Option<&'static str>,
    /// Whether this is a preview of a change, not production.
    pub preview: bool,
}
