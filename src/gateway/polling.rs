use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, StatusCode};

use super::frameworks::instead_of_polling;
use super::once::Once;
use super::refusal::Refusal;
use crate::clock::Clock;
use crate::telegram::polling_conflict;

/// Telegram holds repeated conflicts back for as long. Without it, one library would ask nine times a second.
const HELD: Duration = Duration::from_secs(3);

/// Answers a bot that polls as Telegram answers while another program receives the updates. The log says once what to
/// change.
pub(super) async fn refuse(headers: &HeaderMap, logged: &Once, clock: &dyn Clock) -> Refusal {
    if logged.first() {
        let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        tracing::warn!(
            "the bot polls for updates, and gets the error 409, because Doorbell receives them by webhook and never polls: \
             {}",
            instead_of_polling(user_agent)
        );
    }
    clock.sleep(HELD).await;
    Refusal::new(StatusCode::CONFLICT, polling_conflict())
}
