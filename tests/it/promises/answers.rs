use std::sync::Arc;

use std::sync::LazyLock;
use std::time::Duration;

use doorbell::clock::SystemClock;
use doorbell::settings::TelegramSettings;
use doorbell::telegram::{ApiError, BotApi, BotToken};

/// A token that no error may contain; the inputs contain it.
const TOKEN: &str = "123456789:AAtest-MARKED-0123456789-MARKED-01234";

static API: LazyLock<BotApi> = LazyLock::new(|| {
    let settings = TelegramSettings::at("http://127.0.0.1:1");
    BotApi::new(&settings, BotToken::new(TOKEN.to_owned().into()), Arc::new(SystemClock))
});

/// Only a response with `"ok": true` is a success, every wait is within its bounds, and no error contains the bot
/// token.
///
/// The first line of the input is a status and, after a space, a `Retry-After`; the rest is a body.
pub fn answers(input: &[u8]) {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (head, body) = (String::from_utf8_lossy(&input[..line]), input.get(line + 1..).unwrap_or_default());
    let (status, retry_after) = head.split_once(' ').map_or((&*head, None), |(status, wait)| (status, Some(wait)));
    let Some(status) = status.parse().ok().and_then(|status| http::StatusCode::from_u16(status).ok()) else { return };
    match API.understand(status, retry_after, body) {
        Ok(result) => {
            // `serde_json` cannot read a number that is out of range; the client ignores it in an unused field.
            let Some(answer) = super::json(body) else { return };
            assert_eq!(answer.get("ok"), Some(&true.into()), "{answer}");
            assert_eq!(answer.get("result").unwrap_or_default(), &result, "{answer}");
        }
        Err(error) => {
            let shown = format!("{error} {error:?}");
            let (_, secret) = TOKEN.split_once(':').expect("it has two parts");
            assert!(!shown.contains(secret), "{shown}");
            match error {
                ApiError::Throttled { retry_after } => {
                    assert!((Duration::from_secs(1)..=Duration::from_hours(24)).contains(&retry_after));
                }
                ApiError::Refused { code, .. } => assert!((400..500).contains(&code) && code != 429, "{shown}"),
                ApiError::Unreachable { reason } | ApiError::Unreadable { reason } | ApiError::Unknown { reason } => {
                    assert!(!reason.is_empty() && !reason.contains(char::is_control), "{reason:?}");
                }
                ApiError::NotAllowed { method, .. } => panic!("a response forbids {method}"),
            }
        }
    }
}
