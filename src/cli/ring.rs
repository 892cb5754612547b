use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::error::UsageError;
use super::print::say;
use crate::clock::{Clock, SystemClock};
use crate::http::probe;
use crate::sandbox::TOKEN;
use crate::settings::{Need, Settings, Sources, origin};
use crate::telegram::{BotToken, SECRET_HEADER_AS_SENT, WEBHOOK_PATH};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell ring                          send /start to the service on this machine\n  doorbell ring '/start promo' --chat 7\n  doorbell ring --url https://bot.example.org --callback yes\n  doorbell ring --curl                   the same, as a curl command"
)]
pub(super) struct Arguments {
    /// The text of the message.
    #[arg(default_value = "/start")]
    text: String,
    /// The URL of the service; the webhook route is appended if it is missing.
    #[arg(long)]
    url: Option<String>,
    /// The chat id; a negative number is a group.
    #[arg(long, default_value_t = 1, allow_negative_numbers = true, value_name = "N")]
    chat: i64,
    /// The id of the person; the default in a private chat is the chat id.
    #[arg(long, value_name = "N")]
    user: Option<i64>,
    /// The id of the update; the default is a new one. The same id again has no effect.
    #[arg(long, value_name = "N")]
    update_id: Option<i64>,
    /// Press a button with this data instead of sending a message.
    #[arg(long, value_name = "DATA")]
    callback: Option<String>,
    /// Print the curl command that does the same, and send nothing. It contains the secret token.
    #[arg(long)]
    curl: bool,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// The time limit for the answer, which is also Telegram's.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Sends one update to the service, as Telegram would.
pub(super) async fn run(arguments: Arguments, sources: &Sources) -> anyhow::Result<ExitCode> {
    let settings = Settings::load(sources, Need::Nothing)?;
    // With --sandbox, the service is the sandbox's; otherwise it is on this machine.
    let uses_sandbox = settings.source("webhook.public_url") == Some(origin::COMMAND_LINE);
    let from_sandbox = settings.webhook.public_url.as_ref().filter(|_| uses_sandbox).map(ToString::to_string);
    let url = target(arguments.url.as_deref().or(from_sandbox.as_deref()), &settings)?;
    let secret = secret(&settings);
    let update = update(&arguments).to_string();
    if arguments.curl {
        say(format_args!(
            "curl -i '{}' \\\n  -H '{SECRET_HEADER_AS_SENT}: {}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{}'",
            quoted(&url),
            secret.expose_secret(),
            quoted(&update),
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let answer = probe::deliver(&url, &secret, update, TIMEOUT).await?;
    let (status, body) = (answer.status, answer.body.trim());
    if arguments.json {
        say(json!({ "url": url, "status": status, "body": body }));
    } else {
        say(format_args!("{url} answered {status}: {}", describe(status)));
        if !body.is_empty() {
            say(body);
        }
    }
    Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn target(url: Option<&str>, settings: &Settings) -> Result<String, UsageError> {
    let url = url.map_or_else(|| format!("http://127.0.0.1:{}", settings.server.port), ToOwned::to_owned);
    let url = url.trim().trim_end_matches('/');
    // The secret token goes to this URL, so its host must be the one that was meant.
    if url.contains('@') {
        let message = "--url: a URL with an @ may lead to another host than intended; it is not shown".to_owned();
        return Err(UsageError { message, hint: Some("Write it without a user name and password.") });
    }
    let is_one = |uri: Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !url.parse().is_ok_and(is_one) {
        let message = format!("--url: \"{}\" is not the URL of a service", url.escape_debug());
        return Err(UsageError { message, hint: Some("Write it with its scheme, such as http://127.0.0.1:10000.") });
    }
    Ok(if url.ends_with(WEBHOOK_PATH) { url.to_owned() } else { format!("{url}{WEBHOOK_PATH}") })
}

/// Escapes a text for a shell's single quotation marks.
fn quoted(text: &str) -> String {
    text.replace('\'', "'\\''")
}

/// The current secret token; the sandbox's if the settings have no bot token.
fn secret(settings: &Settings) -> SecretString {
    let token = settings.telegram.bot_token.clone().unwrap_or_else(|| TOKEN.into());
    BotToken::new(token).effective_webhook_secret(&settings.webhook)
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
    // Microseconds: two calls get two ids, and the number is in the range of a safe integer.
    let id = arguments.update_id.unwrap_or_else(|| now.as_microsecond());
    match &arguments.callback {
        None => {
            let mut message = json!({
                "message_id": id % 1_000_000, "from": from, "chat": chat, "date": now.as_second(), "text": arguments.text,
            });
            if arguments.text.starts_with('/') {
                let length = arguments.text.split_whitespace().next().map_or(0, |word| word.encode_utf16().count());
                message["entities"] = json!([{ "type": "bot_command", "offset": 0, "length": length }]);
            }
            json!({ "update_id": id, "message": message })
        }
        Some(data) => json!({ "update_id": id, "callback_query": {
            "id": id.to_string(), "from": from, "chat_instance": "1", "data": data,
            "message": { "message_id": 1, "chat": chat, "date": now.as_second(), "text": "Choose" },
        } }),
    }
}

fn describe(status: u16) -> &'static str {
    match status {
        200 => "the service has stored the update",
        400 => "the service does not accept this as an update",
        401 => {
            "the service does not accept the secret token. Use the TELEGRAM_BOT_TOKEN or WEBHOOK_SECRET of the service; \
             for a sandbox, set neither"
        }
        404 => "there is no webhook at this address; check that Doorbell listens there",
        503 => "the service could not store the update; try again",
        _ => "Telegram would not accept this answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhook_route_is_appended_to_any_path() {
        let settings = Settings::load(&Sources::default(), Need::Nothing).unwrap();
        for (url, expected) in [
            (None, "http://127.0.0.1:10000/telegram/webhook"),
            (Some("https://bot.example.org"), "https://bot.example.org/telegram/webhook"),
            (Some("https://example.org/bots/a/"), "https://example.org/bots/a/telegram/webhook"),
            (Some("https://example.org/a/telegram/webhook"), "https://example.org/a/telegram/webhook"),
        ] {
            assert_eq!(target(url, &settings).unwrap(), expected);
        }
    }
}
