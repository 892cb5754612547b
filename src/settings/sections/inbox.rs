use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::settings::describe;
use crate::settings::effective::Shown;
use crate::settings::problem::Refusal;
use crate::settings::reader::{Reader, YEAR};

/// `[inbox]`: where updates are stored.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct InboxSettings {
    /// The store: `sqlite:PATH`, `postgres://…`, or `memory:`.
    #[schemars(with = "String")]
    pub url: InboxUrl,
    /// The limit of waiting and dead-letter updates together.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub capacity: usize,
    /// How long the id of a handled update is stored, at least 48 h.
    #[schemars(with = "String")]
    pub keep_done: Duration,
    /// The limit of connections to PostgreSQL per instance, at least 2.
    #[schemars(range(min = 2, max = 100))]
    pub max_connections: usize,
}

/// Where updates are stored.
#[derive(Clone, Debug)]
pub enum InboxUrl {
    /// `sqlite:PATH`
    Sqlite(PathBuf),
    /// `memory:`
    Memory,
    /// `postgres://…`, which contains a password
    Postgres(SecretString),
}

/// Telegram repeats an update for 24 h; de-duplication must remember it for longer.
const SHORTEST_MEMORY: Duration = Duration::from_hours(48);

impl InboxSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        let url = from.secret(
            "inbox.url",
            "sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE, or memory:",
            inbox_url,
            shown,
        );
        Self {
            // Without a URL there is a problem, and no store is opened.
            url: url.unwrap_or(InboxUrl::Memory),
            capacity: from.whole("inbox.capacity", 1..=1_000_000_000),
            keep_done: from.duration("inbox.keep_done", SHORTEST_MEMORY..=YEAR),
            max_connections: from.value("inbox.max_connections", "a whole number from 2 to 100", connections),
        }
    }
}

/// One connection accepts updates while the other does all other work, because a long clean-up must not delay the 200.
const LEAST_CONNECTIONS: i64 = 2;

fn connections(value: &toml::Value) -> Result<usize, Refusal> {
    let connections = value.as_integer().unwrap_or(0);
    if (0..LEAST_CONNECTIONS).contains(&connections) {
        let hint =
            "an instance needs 2 connections at least: one to accept updates, one for all the rest; 5 serve it best";
        return Err(Refusal::hint(hint));
    }
    usize::try_from(connections).ok().filter(|connections| *connections <= 100).ok_or_else(Refusal::default)
}

fn inbox_url(secret: &SecretString) -> Result<InboxUrl, Refusal> {
    let text = secret.expose_secret().trim();
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme.to_lowercase(), rest));
    match scheme {
        Some((scheme, rest)) if scheme == "sqlite" => sqlite(rest),
        Some((scheme, "" | "//")) if scheme == "memory" => Ok(InboxUrl::Memory),
        Some((scheme, _)) if matches!(scheme.as_str(), "postgres" | "postgresql") => postgres(text),
        Some((scheme, rest)) if rest.starts_with("//") => {
            Err(Refusal::found(format!("a URL of the unknown scheme {}", describe::text(&scheme))))
        }
        Some(_) | None => Err(Refusal::found(format!("{} without a known scheme", describe::secret(text)))),
    }
}

fn sqlite(rest: &str) -> Result<InboxUrl, Refusal> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.starts_with(":memory:") {
        let hint = "where there is no disk, memory: stores nothing; Telegram repeats what was not handled";
        return Err(Refusal::new("an SQLite database in memory", hint));
    }
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '\0']) {
        return Err(Refusal::found("sqlite: without the path of a file"));
    }
    Ok(InboxUrl::Sqlite(PathBuf::from(path)))
}

fn postgres(text: &str) -> Result<InboxUrl, Refusal> {
    let unreadable = || {
        Refusal::new(format!("a PostgreSQL URL of {} that cannot be read", describe::secret(text)), describe::ENCODED)
    };
    if describe::is_misleading(text) {
        return Err(describe::misleading());
    }
    if !text.contains("://") {
        return Err(unreadable());
    }
    let Ok(url) = Url::parse(text) else { return Err(unreadable()) };
    let socket = url.query_pairs().any(|(name, _)| name == "host");
    if url.host_str().is_none_or(str::is_empty) && !socket {
        return Err(unreadable());
    }
    Ok(InboxUrl::Postgres(text.into()))
}

fn shown(url: &InboxUrl) -> Shown {
    match url {
        InboxUrl::Sqlite(path) => Shown::Value(format!("sqlite:{}", path.display()).into()),
        InboxUrl::Memory => Shown::Value("memory:".into()),
        InboxUrl::Postgres(url) => {
            let text = url.expose_secret();
            let url = Url::parse(text).ok();
            let host = url.as_ref().and_then(Url::host_str).filter(|host| !host.is_empty()).map(describe::text);
            Shown::Secret(host.map_or("secret, PostgreSQL".to_owned(), |host| format!("secret, PostgreSQL on {host}")))
        }
    }
}
