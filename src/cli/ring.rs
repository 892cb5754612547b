use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Wrong, load, say};
use crate::clock::{Clock, SystemClock};
use crate::http::probe;
use crate::sandbox::TOKEN;
use crate::settings::{Need, Origin, Settings, Sources};
use crate::telegram::BotToken;
use crate::webhook;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell ring                          says /start to the service on this machine\n  doorbell ring '/start promo' --chat 7\n  doorbell ring --url https://bot.example.org --callback yes\n  doorbell ring --curl                   the same, as a curl command"
)]
pub(super) struct Arguments {
    /// What the person writes.
    #[arg(default_value = "/start")]
    text: String,
    /// The service; its webhook route is added where it is missing.
    #[arg(long)]
    url: Option<String>,
    /// The chat; a negative number is a group.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_name = "N")]
    chat: i64,
    /// The person; in a private chat the same as the chat.
    #[arg(long, value_name = "N")]
    user: Option<i64>,
    /// The number of the update; a new one when not given. The same number again has no effect.
    #[arg(long, value_name = "N")]
    update_id: Option<i64>,
    /// Press a button with this data, instead of writing.
    #[arg(long, value_name = "DATA")]
    callback: Option<String>,
    /// Print the curl command that does the same, and send nothing. It contains the secret token.
    #[arg(long)]
    curl: bool,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// A service that has not answered after this long will not; Telegram itself waits for 60 s.
const PATIENCE: Duration = Duration::from_mins(1);

/// Rings the service once, as Telegram would.
pub(super) async fn run(arguments: Arguments, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = load(sources, Need::Nothing)?;
    // For the bot of a sandbox, its service; else the one on this machine.
    let at_sandbox = matches!(settings.source("webhook.public_url"), Some(Origin::CommandLine));
    let told = settings.webhook.public_url.as_ref().filter(|_| at_sandbox).map(ToString::to_string);
    let url = target(arguments.url.as_deref().or(told.as_deref()), &settings)?;
    let secret = secret(&settings);
    let update = update(&arguments).to_string();
    if arguments.curl {
        say(format_args!(
            "curl -i '{}' \\\n  -H 'X-Telegram-Bot-Api-Secret-Token: {}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
            quoted(&url),
            secret.expose_secret(),
            quoted(&update),
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let answer = probe::deliver(&url, &secret, update, PATIENCE).await?;
    let (status, body) = (answer.status, answer.body.trim());
    if arguments.json {
        say(json!({ "url": url, "status": status, "body": body }));
    } else {
        say(format_args!("{url} answered {status}: {}", meaning(status)));
        if !body.is_empty() {
            say(body);
        }
    }
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn target(url: Option<&str>, settings: &Settings) -> Result<String, Wrong> {
    let url = url.map_or_else(|| format!("http://127.0.0.1:{}", settings.server.port), ToOwned::to_owned);
    let url = url.trim().trim_end_matches('/');
    // The update goes there with the secret token: it must be the host that was written.
    if url.contains('@') {
        let message = "--url: a URL with an @ may not lead to the host that was meant; it is not shown".to_owned();
        return Err(Wrong { message, hint: Some("Write it without a user name and password.") });
    }
    let is_one = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !url.parse().is_ok_and(is_one) {
        let message = format!("--url: \"{}\" is not the URL of a service", url.escape_debug());
        return Err(Wrong { message, hint: Some("Write it with its scheme, such as http://127.0.0.1:10000.") });
    }
    Ok(if url.ends_with(webhook::PATH) { url.to_owned() } else { format!("{url}{}", webhook::PATH) })
}

/// A text as it stands between single quotation marks in a shell.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

/// The secret in force; without a token in the settings, the sandbox's.
fn secret(settings: &Settings) -> SecretString {
    let token = settings.telegram.bot_token.clone().unwrap_or_else(|| TOKEN.into());
    BotToken::new(token).secret_in_force(&settings.webhook)
}

fn update(arguments: &Arguments) -> Value {
    let now = SystemClock.now();
    let chat = arguments.chat;
    let user = arguments.user.unwrap_or(if chat > 0 { chat } else { 1 });
    let from = json!({ "id": user, "is_bot": false, "first_name": "Ann", "language_code": "en" });
    let chat = if chat > 0 {
        json!({ "id": chat, "type": "private", "first_name": "Ann" })
    } else {
        json!({ "id": chat, "type": "supergroup", "title": "Ann's group" })
    };
    // Microseconds: two rings are two updates, and the number is in the range of a safe integer.
    let id = arguments.update_id.unwrap_or_else(|| now.as_microsecond());
    match &arguments.callback {
        None => {
            let length = arguments.text.split_whitespace().next().map_or(0, |word| word.encode_utf16().count());
            let entities = arguments
                .text
                .starts_with('/')
                .then(|| json!([{ "type": "bot_command", "offset": 0, "length": length }]));
            let mut message = json!({
                "message_id": id % 1_000_000, "from": from, "chat": chat, "date": now.as_second(), "text": arguments.text,
            });
            if let Some(entities) = entities {
                message["entities"] = entities;
            }
            json!({ "update_id": id, "message": message })
        }
        Some(data) => json!({ "update_id": id, "callback_query": {
            "id": id.to_string(), "from": from, "chat_instance": "1", "data": data,
            "message": { "message_id": 1, "chat": chat, "date": now.as_second(), "text": "Choose" },
        } }),
    }
}

fn meaning(status: u16) -> &'static str {
    match status {
        200 => "it has the update",
        400 => "it does not take this for an update",
        401 => {
            "it does not accept the secret token. Ring with the TELEGRAM_BOT_TOKEN or WEBHOOK_SECRET that the service \
             has; for a sandbox, with neither in the environment"
        }
        404 => "there is no webhook at this address; is it Doorbell that listens there?",
        503 => "it could not store the update; try again",
        _ => "this is not what Telegram wants to hear",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_route_of_the_webhook_is_added_below_any_path() {
        let settings = Settings::load(&Sources::default(), Need::Nothing).unwrap();
        for (url, rung) in [
            (None, "http://127.0.0.1:10000/telegram/webhook"),
            (Some("https://bot.example.org"), "https://bot.example.org/telegram/webhook"),
            (Some("https://example.org/bots/a/"), "https://example.org/bots/a/telegram/webhook"),
            (Some("https://example.org/a/telegram/webhook"), "https://example.org/a/telegram/webhook"),
        ] {
            assert_eq!(target(url, &settings).unwrap(), rung);
        }
    }
}
