//! `doorbell webhook`: what Telegram has stored, in plain words; register now; remove; the secret.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{Wrong, load, say};
use crate::app::BuildError;
use crate::clock::{Clock, SystemClock, elapsed};
use crate::doctor::{Finding, of_webhook};
use crate::registrar::{Drift, NotWanted, RefusedToken, Standing, WantedWebhook, drift, meaning, register};
use crate::settings::{Need, Sources, WebhookSettings};
use crate::telegram::{ApiError, BotApi, BotToken, WebhookInfo};
use crate::wording::{age, count};

/// `doorbell webhook …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Shows what Telegram has stored; exits 1 when it is not as wanted
    #[command(after_help = "Example: doorbell webhook info --json")]
    Info(Output),
    /// Registers the webhook now, whoever has it, and reads it back
    #[command(after_help = "Example: PUBLIC_URL=https://bot.example.org doorbell webhook set")]
    Set(Output),
    /// Removes the webhook, whoever has it; updates then wait at Telegram for 24 h at most
    #[command(after_help = "Example: doorbell webhook delete --drop-pending")]
    Delete {
        /// Throw away the updates that wait at Telegram
        #[arg(long)]
        drop_pending: bool,
        /// How to print
        #[command(flatten)]
        output: Output,
    },
    /// Prints the secret token in force: the one given, else the one derived from the bot token
    #[command(after_help = "Example: doorbell webhook secret")]
    Secret(Output),
}

/// How a command prints.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The longest wait that is taken upon oneself when Telegram asks for one; a longer one is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// After this long Telegram takes the next setWebhook.
const A_SECOND: Duration = Duration::from_millis(1_100);
/// How often `webhook set` calls setWebhook at most.
const TRIES: u32 = 4;

/// Runs the command: exit status 0 when all is well, 1 when something is not, 2 when a setting that
/// the command needs is missing.
///
/// # Errors
///
/// When Telegram could not be asked, or refused; the caller prints it and exits 1.
pub(super) async fn run(command: WebhookCommand, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = load(sources, Need::Token)?;
    let token = settings.telegram.bot_token.clone().map(BotToken::new).ok_or(BuildError::NoToken)?;
    let clock = SystemClock;
    // Whoever runs a command asks for it: also where the service shall not register by itself.
    let webhook = WebhookSettings { register: true, ..settings.webhook.clone() };
    let wanted = WantedWebhook::from_settings(&webhook, &settings.platform, &token);
    let api = BotApi::new(&settings.telegram, token.clone(), Arc::new(clock));
    match command {
        WebhookCommand::Info(output) => {
            let findings = |seen: &WebhookInfo| of_webhook(&settings, &token, seen, clock.now());
            let unwell = info(&api, wanted.ok().as_ref(), output, clock.now(), findings).await?;
            Ok(if unwell && settings.webhook.register { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        WebhookCommand::Set(output) => set(&api, wanted, output, &clock).await,
        WebhookCommand::Delete { drop_pending, output } => delete(&api, drop_pending, output).await,
        WebhookCommand::Secret(output) => {
            let secret = token.effective_webhook_secret(&settings.webhook);
            let secret = secret.expose_secret();
            if output.json {
                say(format_args!("{}", json!({ "secret_token": secret })));
            } else {
                say(secret);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what Telegram has, and what the doctor says of it; whether it is not as wanted.
async fn info(
    api: &BotApi,
    wanted: Option<&WantedWebhook>,
    output: Output,
    now: Timestamp,
    findings: impl Fn(&WebhookInfo) -> Vec<Finding>,
) -> anyhow::Result<bool> {
    let seen = api.webhook_info().await.map_err(|error| explained(error, "Telegram could not be asked"))?;
    let drift = wanted.map(|wanted| drift(wanted, &seen)).unwrap_or_default();
    let findings = findings(&seen);
    if output.json {
        let drift: Vec<String> = drift.iter().map(ToString::to_string).collect();
        let wanted_url = wanted.map(|wanted| &wanted.url);
        let told = json!({ "webhook": seen, "wanted_url": wanted_url, "drift": drift, "findings": findings });
        say(format_args!("{told:#}"));
    } else {
        let mut lines = Lines(account(&seen, wanted, &drift, now));
        for advice in findings.iter().filter_map(|finding| finding.advice.as_ref()) {
            lines.add("to do", advice);
        }
        say(lines.0.trim_end());
    }
    Ok(!drift.is_empty())
}

async fn set(
    api: &BotApi,
    wanted: Result<WantedWebhook, NotWanted>,
    output: Output,
    clock: &dyn Clock,
) -> anyhow::Result<ExitCode> {
    let wanted = wanted.map_err(|why| Wrong { message: Standing::Off { why }.sentence(), hint: None })?;
    let problems = wanted.problems(api.is_public());
    if !problems.is_empty() {
        let hint = "Telegram was not asked, because a refusal would remove the webhook it may have.";
        return Err(Wrong { message: problems.join("; "), hint: Some(hint) }.into());
    }
    // Telegram takes one setWebhook a second, and ends one that is under way when another comes: a
    // running service may just have made its own, and repairs what the command has changed.
    let mut tries = 1;
    let registered = loop {
        let registered = register(api, &wanted).await;
        let wait = match &registered {
            Err(ApiError::Throttled { retry_after }) => Some(*retry_after),
            Err(ApiError::Refused { code: 409, .. }) => Some(A_SECOND),
            Ok(_) | Err(_) => None,
        };
        match wait.filter(|wait| *wait <= PATIENCE && tries < TRIES) {
            Some(wait) => clock.sleep(wait).await,
            None => break registered,
        }
        tries += 1;
    };
    let registered = registered.map_err(|error| explained(error, "The webhook was not set"))?;
    let left = drift(&wanted, &registered.after);
    if output.json {
        let drift: Vec<String> = left.iter().map(ToString::to_string).collect();
        say(format_args!("{:#}", json!({ "remark": registered.remark, "webhook": registered.after, "drift": drift })));
    } else {
        if let Some(Drift::Foreign { host }) = drift(&wanted, &registered.before).first() {
            say(format_args!("It led to another service before, at {host}."));
        }
        say(format_args!("{}: {}", registered.remark, registered.after.url));
        for drift in &left {
            say(format_args!("But {drift}."));
        }
    }
    Ok(if left.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn delete(api: &BotApi, drop_pending: bool, output: Output) -> anyhow::Result<ExitCode> {
    let remark =
        api.delete_webhook(drop_pending).await.map_err(|error| explained(error, "The webhook was not removed"))?;
    if output.json {
        say(format_args!("{}", json!({ "remark": remark })));
    } else {
        say(format_args!("{remark}. A running Doorbell sets it again, unless webhook.register is false."));
    }
    Ok(ExitCode::SUCCESS)
}

/// What became of it, with what the error means where that is known.
fn explained(error: ApiError, what: &str) -> anyhow::Error {
    let meaning = match &error {
        ApiError::Refused { code: 401 | 404 | 421, description, .. } => {
            Some(RefusedToken { words: description.clone() }.hint().to_owned())
        }
        ApiError::Refused { description, .. } => {
            meaning(description).map(|meaning| format!("{}. {}", meaning.means, meaning.remedy))
        }
        ApiError::Throttled { .. }
        | ApiError::Unreachable { .. }
        | ApiError::Unreadable { .. }
        | ApiError::Unknown { .. }
        | ApiError::NotAllowed { .. } => None,
    };
    let context = meaning.map_or_else(|| what.to_owned(), |meaning| format!("{what} ({meaning})"));
    anyhow::Error::new(error).context(context)
}

/// What Telegram has, a line for each thing that matters.
fn account(seen: &WebhookInfo, wanted: Option<&WantedWebhook>, drift: &[Drift], now: Timestamp) -> String {
    let mut lines = Lines::default();
    match (seen.url.as_str(), wanted, drift.first()) {
        ("", ..) => lines.add("webhook", "none: updates wait at Telegram, for 24 h at most"),
        (url, None, _) => {
            lines.add("webhook", &format!("{url} (whose it is cannot be said: no public URL is known here)"));
        }
        (url, _, Some(Drift::Foreign { .. })) => lines.add("webhook", &format!("{url} (another service's)")),
        (url, ..) => lines.add("webhook", &format!("{url} (ours)")),
    }
    if let Some(wanted) = wanted.filter(|_| !drift.is_empty()) {
        lines.add("wanted", &wanted.url);
    }
    lines.add("waiting", &format!("{} at Telegram", count(seen.pending_update_count, "update", "updates")));
    match (&seen.last_error_message, seen.last_error_date) {
        (Some(message), date) => {
            lines.add("last error", &format!("{}{message}", ago(date, now)));
            if let Some(meaning) = meaning(message) {
                lines.add("", &format!("this means: {}", meaning.means));
            }
            lines.add("", "Telegram keeps it also after deliveries succeed again");
        }
        (None, _) => lines.add("last error", "none since the webhook was set"),
    }
    if !seen.url.is_empty() {
        let kinds = seen.allowed_updates.as_deref().unwrap_or_default();
        let default = "Telegram's default (all but chat_member, message_reaction and message_reaction_count)";
        lines.add("updates", &if kinds.is_empty() { default.to_owned() } else { kinds.join(", ") });
        let most = seen.max_connections.map_or("unknown".to_owned(), |most| format!("{most} at most"));
        let address = seen.ip_address.as_deref().unwrap_or("an unknown address");
        lines.add("connections", &format!("{most}, to {address}"));
    }
    for drift in drift.iter().filter(|_| wanted.is_some()) {
        lines.add("not as wanted", drift);
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, name: &str, what: &(impl ToString + ?Sized)) {
        // What comes from Telegram must not steer the terminal.
        let what: String = what.to_string().chars().filter(|c| !c.is_control()).collect();
        writeln!(self.0, "{name:<14} {what}").expect("a string takes everything");
    }
}

/// "3 min ago: ", or nothing where the time is not known.
fn ago(date: Option<i64>, now: Timestamp) -> String {
    let Some(date) = date.and_then(|seconds| Timestamp::from_second(seconds).ok()) else { return String::new() };
    format!("{} ago: ", age(elapsed(date, now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> WantedWebhook {
        WantedWebhook {
            url: "https://a.example/telegram/webhook".to_owned(),
            secret_token: "s".to_owned().into(),
            allowed_updates: vec![],
            max_connections: 40,
            drop_pending_updates: false,
            claim: crate::registrar::Claim::Any,
        }
    }

    fn told(seen: &WebhookInfo) -> String {
        let wanted = wanted();
        account(seen, Some(&wanted), &drift(&wanted, seen), Timestamp::from_second(1_000_000).unwrap())
    }

    #[test]
    fn a_webhook_is_said_to_be_ours_or_anothers_or_none() {
        let at = |url: &str| WebhookInfo { url: url.to_owned(), max_connections: Some(40), ..WebhookInfo::default() };
        assert!(told(&at("https://a.example/telegram/webhook")).contains("(ours)"));
        let foreign = told(&at("https://b.example/x"));
        assert!(foreign.contains("(another service's)") && foreign.contains("wanted         https://a.example"));
        assert!(told(&at("")).starts_with("webhook        none"));
    }

    #[test]
    fn the_last_error_is_told_with_its_age_and_what_it_means() {
        let seen = WebhookInfo {
            url: "https://a.example/telegram/webhook".to_owned(),
            last_error_date: Some(1_000_000 - 3_725),
            last_error_message: Some("Connection refused\u{1b}[31m".to_owned()),
            ..WebhookInfo::default()
        };
        let told = told(&seen);
        assert!(told.contains("1 h 2 min ago: Connection refused[31m"), "{told}");
        assert!(told.contains("this means: nothing listens"), "{told}");
    }
}
