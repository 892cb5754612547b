//! `--sandbox`: the command acts for the bot of a sandbox that runs on this machine.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::Command;
use super::error::{CommandFailure, UsageError};
use crate::http::probe;
use crate::settings::Sources;

/// Where a sandbox has its Bot API, unless it was told otherwise.
pub(super) const USUAL: &str = "http://127.0.0.1:8081";

const PATIENCE: Duration = Duration::from_secs(10);

/// What the sandbox tells, and the keys that it sets.
const TOLD: [(&str, &str); 3] = [
    ("TELEGRAM_API_URL", "telegram.api_url"),
    ("TELEGRAM_BOT_TOKEN", "telegram.bot_token"),
    ("PUBLIC_URL", "webhook.public_url"),
];

/// The sources, and over them what the sandbox at this URL tells of itself.
pub(super) async fn told(url: &str, command: &Command, sources: Sources) -> anyhow::Result<Sources> {
    if matches!(command, Command::Sandbox(_)) {
        let message = "a sandbox is not started for the bot of another one".to_owned();
        return Err(UsageError { message, hint: Some("Leave --sandbox out.") }.into());
    }
    let absent = |source: io::Error| CommandFailure {
        message: format!("there is no sandbox at {}", url.escape_debug()),
        hint: "`doorbell sandbox` starts one, and says where its Bot API is: --sandbox=URL names it.",
        source,
    };
    let place = format!("{}/sandbox/variables", url.trim_end_matches('/'));
    let answer = probe::fetch(&place, PATIENCE).await.map_err(|error| absent(io::Error::other(error)))?;
    let variables: BTreeMap<String, String> =
        serde_json::from_str(&answer.body).map_err(|error| absent(io::Error::other(error)))?;
    let profile = sources.profile.clone().unwrap_or_else(|| "sandbox".to_owned());
    let told = TOLD.iter().filter_map(|(name, key)| Some((key, variables.get(*name)?)));
    Ok(told.fold(Sources { profile: Some(profile), ..sources }, |sources, (key, value)| sources.with(key, value)))
}
