//! The option `--sandbox`: a command uses the bot of a sandbox that runs on this machine.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::Command;
use super::error::{CommandFailure, UsageError};
use crate::http::probe;
use crate::settings::Sources;

/// The URL of a sandbox's Bot API on its default port.
pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:8081";

const TIMEOUT: Duration = Duration::from_secs(10);

/// The variables that the sandbox returns, and the settings that they set.
const KEYS: [(&str, &str); 3] = [
    ("TELEGRAM_API_URL", "telegram.api_url"),
    ("TELEGRAM_BOT_TOKEN", "telegram.bot_token"),
    ("PUBLIC_URL", "webhook.public_url"),
];

/// Adds the settings of the sandbox at this URL to the sources, with the highest priority.
pub(super) async fn add_settings(url: &str, command: &Command, sources: Sources) -> anyhow::Result<Sources> {
    if matches!(command, Command::Sandbox(_)) {
        let message = "`doorbell sandbox` starts a sandbox of its own and cannot use another one".to_owned();
        return Err(UsageError { message, hint: Some("Leave --sandbox out.") }.into());
    }
    let not_found = |source: io::Error| CommandFailure {
        message: format!("there is no sandbox at {}", url.escape_debug()),
        hint: "Start one with `doorbell sandbox`. It prints the URL of its Bot API, which --sandbox=URL takes.",
        source,
    };
    let url = format!("{}/sandbox/variables", url.trim_end_matches('/'));
    let answer = probe::fetch(&url, TIMEOUT).await.map_err(|error| not_found(io::Error::other(error)))?;
    let variables: BTreeMap<String, String> =
        serde_json::from_str(&answer.body).map_err(|error| not_found(io::Error::other(error)))?;
    let profile = sources.profile.clone().unwrap_or_else(|| "sandbox".to_owned());
    let settings = KEYS.iter().filter_map(|(name, key)| Some((key, variables.get(*name)?)));
    Ok(settings.fold(Sources { profile: Some(profile), ..sources }, |sources, (key, value)| sources.with(key, value)))
}
