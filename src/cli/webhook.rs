//! `doorbell webhook`: shows what Telegram has stored, registers, removes, prints the secret token.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::json;

use super::error::UsageError;
use super::print::{printable, say};
use crate::app::BuildError;
use crate::clock::{Clock, SystemClock, elapsed};
use crate::doctor::{Finding, examine_webhook, stored_kinds};
use crate::humanize::{age, count};
use crate::registrar::{Drift, OffReason, RefusedToken, Status, WantedWebhook, drift, explain, register};
use crate::settings::{Need, Settings, Sources, WebhookSettings};
use crate::telegram::{ApiError, BotApi, BotToken, WebhookInfo};

/// `doorbell webhook …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Shows what Telegram has stored; exits 1 when it is not as wanted
    #[command(after_help = "Example: doorbell webhook info --json")]
    Info(Output),
    /// Registers the webhook now, even if another service has it, and reads it back
    #[command(after_help = "Example: PUBLIC_URL=https://bot.example.org doorbell webhook set")]
    Set(Output),
    /// Removes the webhook, even if another service has it; updates then wait at Telegram for at most 24 h
    #[command(after_help = "Example: doorbell webhook delete --drop-pending")]
    Delete {
        /// Discard the updates that wait at Telegram
        #[arg(long)]
        drop_pending: bool,
        /// How to print
        #[command(flatten)]
        output: Output,
    },
    /// Prints the current secret token: the configured one, else the one derived from the bot token
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

/// The longest throttle that the command waits for. A longer one is reported.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Telegram accepts one `setWebhook` a second.
const APART: Duration = Duration::from_millis(1_100);
/// The most calls of `setWebhook` that `webhook set` makes.
const TRIES: u32 = 4;

/// Runs the command. The exit status is 0 on success, 1 if the webhook is not as wanted, and 2 if a needed setting is
/// missing.
///
/// # Errors
///
/// When Telegram could not be asked, or refused. The exit status is then 1.
pub(super) async fn run(command: WebhookCommand, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(sources, Need::Token)?;
    let token = settings.telegram.bot_token.clone().map(BotToken::new).ok_or(BuildError::NoToken)?;
    let clock = SystemClock;
    // The operator asked for it, even if the service does not register itself.
    let webhook = WebhookSettings { register: true, ..settings.webhook.clone() };
    let wanted = WantedWebhook::from_settings(&webhook, &settings.platform, &token);
    let api = BotApi::new(&settings.telegram, token.clone(), Arc::new(clock));
    match command {
        WebhookCommand::Info(output) => {
            let kinds = stored_kinds(&settings, &token, Arc::new(clock)).await;
            let wanted = wanted.map(|wanted| wanted.with_kinds_of_bot(kinds.as_deref()));
            let findings = |seen: &WebhookInfo| examine_webhook(&settings, &token, seen, kinds.as_deref(), clock.now());
            let differs = info(&api, wanted.ok().as_ref(), output, clock.now(), findings).await?;
            Ok(if differs && settings.webhook.register { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        WebhookCommand::Set(output) => {
            let kinds = stored_kinds(&settings, &token, Arc::new(clock)).await;
            set(&api, wanted.map(|wanted| wanted.with_kinds_of_bot(kinds.as_deref())), output, &clock).await
        }
        WebhookCommand::Delete { drop_pending, output } => delete(&api, drop_pending, output).await,
        WebhookCommand::Secret(output) => {
            let secret = token.effective_webhook_secret(&settings.webhook);
            let secret = secret.expose_secret();
            if output.json {
                say(json!({ "secret_token": secret }));
            } else {
                say(secret);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Prints what Telegram has, and what the doctor advises. Returns whether the webhook differs from the wanted one.
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
        let report = json!({ "webhook": seen, "wanted_url": wanted_url, "drift": drift, "findings": findings });
        say(format_args!("{report:#}"));
    } else {
        let mut lines = Lines(describe(&seen, wanted, &drift, now));
        for advice in findings.iter().filter_map(|finding| finding.advice.as_ref()) {
            lines.add("to do", advice);
        }
        say(lines.0.trim_end());
    }
    Ok(!drift.is_empty())
}

async fn set(
    api: &BotApi,
    wanted: Result<WantedWebhook, OffReason>,
    output: Output,
    clock: &dyn Clock,
) -> anyhow::Result<ExitCode> {
    let wanted = wanted.map_err(|why| UsageError { message: Status::Off { why }.sentence(), hint: None })?;
    let problems = wanted.problems(api.is_public());
    if !problems.is_empty() {
        let hint = "Telegram was not asked, because a refusal would remove the webhook that the bot may have.";
        return Err(UsageError { message: problems.join("; "), hint: Some(hint) }.into());
    }
    // Telegram ends a setWebhook in progress when another one comes. A running service may have just made one, and repairs
    // what this command changes.
    let mut tries = 1;
    let registered = loop {
        let registered = register(api, &wanted).await;
        let wait = match &registered {
            Err(ApiError::Throttled { retry_after }) => Some(*retry_after),
            Err(ApiError::Refused { code: 409, .. }) => Some(APART),
            Ok(_) | Err(_) => None,
        };
        match wait.filter(|wait| *wait <= LONGEST_WAIT && tries < TRIES) {
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
        say(json!({ "remark": remark }));
    } else {
        say(format_args!("{remark}. A running Doorbell sets it again, unless webhook.register is false."));
    }
    Ok(ExitCode::SUCCESS)
}

/// The error with its explanation, if it is known.
fn explained(error: ApiError, what: &str) -> anyhow::Error {
    let explanation = if let ApiError::Refused { code, description, .. } = &error {
        if matches!(code, 401 | 404 | 421) {
            Some(RefusedToken { description: description.clone() }.hint().to_owned())
        } else {
            explain(description).map(|known| format!("{}. {}", known.means, known.remedy))
        }
    } else {
        None
    };
    let context = explanation.map_or_else(|| what.to_owned(), |explanation| format!("{what} ({explanation})"));
    anyhow::Error::new(error).context(context)
}

/// What Telegram has, one line for each fact.
fn describe(seen: &WebhookInfo, wanted: Option<&WantedWebhook>, drift: &[Drift], now: Timestamp) -> String {
    let mut lines = Lines::default();
    match (seen.url.as_str(), wanted, drift.first()) {
        ("", ..) => lines.add("webhook", "none: updates wait at Telegram for at most 24 h"),
        (url, None, _) => {
            lines.add("webhook", &format!("{url} (no public URL is set here, so it is unknown whose it is)"));
        }
        (url, _, Some(Drift::Foreign { .. })) => lines.add("webhook", &format!("{url} (another service's)")),
        (url, ..) => lines.add("webhook", &format!("{url} (ours)")),
    }
    if let Some(wanted) = wanted.filter(|_| !drift.is_empty()) {
        lines.add("wanted", &wanted.url);
    }
    lines.add("waiting", &format!("{} at Telegram", count(seen.pending_update_count, "update", "updates")));
    match &seen.last_error_message {
        Some(message) => {
            let ago = seen.last_error_at().map(|at| format!("{} ago: ", age(elapsed(at, now)))).unwrap_or_default();
            lines.add("last error", &format!("{ago}{message}"));
            if let Some(known) = explain(message) {
                lines.add("", &format!("this means: {}", known.means));
            }
            lines.add("", "Telegram still reports it after deliveries succeed again");
        }
        None => lines.add("last error", "none since the webhook was set"),
    }
    if !seen.url.is_empty() {
        let kinds = seen.allowed_updates.as_deref().unwrap_or_default();
        let default = "Telegram's default (all but chat_member, message_reaction and message_reaction_count)";
        lines.add("updates", &if kinds.is_empty() { default.to_owned() } else { kinds.join(", ") });
        let most = seen.max_connections.map_or("unknown".to_owned(), |most| format!("at most {most}"));
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
        writeln!(self.0, "{name:<14} {}", printable(&what.to_string())).expect("writing to a string cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seen: &WebhookInfo) -> String {
        let wanted = WantedWebhook::for_test("https://a.example/telegram/webhook");
        describe(seen, Some(&wanted), &drift(&wanted, seen), Timestamp::from_second(1_000_000).unwrap())
    }

    #[test]
    fn the_owner_of_the_webhook_is_shown() {
        let at = |url: &str| WebhookInfo { url: url.to_owned(), max_connections: Some(40), ..WebhookInfo::default() };
        assert!(text(&at("https://a.example/telegram/webhook")).contains("(ours)"));
        let foreign = text(&at("https://b.example/x"));
        assert!(foreign.contains("(another service's)") && foreign.contains("wanted         https://a.example"));
        assert!(text(&at("")).starts_with("webhook        none"));
    }

    #[test]
    fn the_last_error_is_shown_with_its_age_and_explanation() {
        let seen = WebhookInfo {
            url: "https://a.example/telegram/webhook".to_owned(),
            last_error_date: Some(1_000_000 - 3_725),
            last_error_message: Some("Connection refused\u{1b}[31m".to_owned()),
            ..WebhookInfo::default()
        };
        let text = text(&seen);
        assert!(text.contains("1 h 2 min ago: Connection refused[31m"), "{text}");
        assert!(text.contains("this means: nothing listens"), "{text}");
    }
}
