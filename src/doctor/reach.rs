use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::case::Ring;
use super::finding::Finding;
use crate::http::probe::{self, ProbeResponse, ServiceUnreachable};
use crate::humanize;
use crate::registrar::{WantedWebhook, explain};
use crate::telegram::WEBHOOK_PATH;

/// The longest wait for an answer. Telegram waits for 60 s, but a service that takes longer than this has a problem.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A secret token that no service has.
const WRONG_SECRET: &str = "the-doctors-wrong-secret";

/// A body that is no update, and changes nothing.
const NO_UPDATE: &str = "{}";

/// The service at the public URL, as its `/healthz` describes it.
pub(super) struct Service {
    health: Value,
}

/// Requests `/healthz` at the public URL.
pub(super) async fn service(wanted: &WantedWebhook) -> Result<(Service, Finding), Finding> {
    const CHECK: &str = "reachability";
    let url = format!("{}/healthz", wanted.url.trim_end_matches(WEBHOOK_PATH));
    let answer = probe::fetch(&url, TIMEOUT).await.map_err(|error| unreached(CHECK, &error))?;
    let health: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let Some(version) = health["version"].as_str().filter(|_| health["webhook"].is_object()) else {
        return Err(not_doorbell(CHECK, &url, &answer));
    };
    let uptime = humanize::age(Duration::from_secs(health["uptime_s"].as_u64().unwrap_or_default()));
    let finding = match answer.status {
        200 => Finding::ok(CHECK, format!("{url} leads to Doorbell {version}, up for {uptime}")),
        _ => Finding::failed(
            CHECK,
            format!("{url} leads to Doorbell {version}, which is starting or stopping"),
            "Run this again in a moment.",
        ),
    };
    Ok((Service { health }, finding))
}

fn unreached(check: &'static str, error: &ServiceUnreachable) -> Finding {
    let reason = &error.reason;
    Finding::failed(
        check,
        format!("{error}: {reason}"),
        "Start the service. If it is running, point the platform, proxy or tunnel from the public URL to the port on \
         which it listens (PORT, at 0.0.0.0), or correct PUBLIC_URL.",
    )
}

fn not_doorbell(check: &'static str, url: &str, answer: &ProbeResponse) -> Finding {
    let status = answer.status;
    let known = explain(&format!("Wrong response from the webhook: {status} "));
    let means = known.map(|known| format!(": {}", known.means)).unwrap_or_default();
    Finding::failed(
        check,
        format!("{url} answers {status}, but not as Doorbell does{means}"),
        known.map_or(
            "Another program answers at the public URL: correct PUBLIC_URL, or point the platform, proxy or tunnel to this \
             service.",
            |known| known.remedy,
        ),
    )
}

#[cfg(test)]
impl Service {
    /// A service that reports this health.
    pub(super) fn for_test(health: Value) -> Self {
        Self { health }
    }
}

impl Service {
    /// What the service itself reports about its webhook.
    pub(super) fn own_report(&self) -> Finding {
        const CHECK: &str = "service";
        let webhook = &self.health["webhook"];
        let says = webhook["says"].as_str().unwrap_or_default();
        // The operator wants another program to register the webhook.
        if webhook["standing"] == "off" && webhook["why"] == "turned_off" {
            return Finding::ok(CHECK, format!("it says: {says}"));
        }
        if webhook["standing"] != "active" {
            return Finding::failed(
                CHECK,
                format!("it says: {says}"),
                "Do as it says; its log has the details. `doorbell webhook info` shows what Telegram has.",
            );
        }
        match (self.conflict(), webhook["trouble"].as_str()) {
            (Some(conflict), _) => {
                Finding::failed(CHECK, format!("it says: {conflict}"), "Stop the other program or copy, as it says.")
            }
            (None, Some(trouble)) => Finding::failed(CHECK, format!("it says: {trouble}"), "Do as it says."),
            (None, None) => Finding::ok(CHECK, format!("it says: {says}")),
        }
    }

    /// What the service reports about another program that changes the webhook.
    pub(super) fn conflict(&self) -> Option<&str> {
        self.health["webhook"]["conflict"].as_str()
    }

    /// What the service reports about your own bot. It is null if there is none.
    pub(super) fn bot(&self) -> &Value {
        &self.health["bot"]
    }

    /// What the service reports about its inbox.
    pub(super) fn inbox(&self) -> &Value {
        &self.health["inbox"]
    }
}

/// Whether the webhook accepts the current secret token and refuses another one. The body is no update, so nothing is
/// stored.
pub(super) async fn secret(wanted: &WantedWebhook) -> Finding {
    const CHECK: &str = "secret token";
    let post = async |secret| probe::deliver(&wanted.url, secret, NO_UPDATE.to_owned(), TIMEOUT).await;
    let (wrong, right) = match (post(&WRONG_SECRET.into()).await, post(&wanted.secret_token).await) {
        (Ok(wrong), Ok(right)) => (wrong.status, right.status),
        (Err(error), _) | (_, Err(error)) => return unreached(CHECK, &error),
    };
    match (wrong, right) {
        (401, 400) => Finding::ok(CHECK, "the service refuses a wrong one and accepts the current one"),
        (401, 401) => Finding::failed(
            CHECK,
            "the service does not know the secret token that these settings result in",
            "Give this command and all instances of the service the same TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET, and \
             start the service again.",
        ),
        (401, status) => Finding::failed(
            CHECK,
            format!("the service refuses a wrong one, but answers {status} to the right one"),
            "Check the log of the service: it should have answered 400 to a body that is no update.",
        ),
        (status, _) => Finding::failed(
            CHECK,
            format!("{} answers {status} to a wrong secret token, not 401", wanted.url),
            "Doorbell refuses it, so a proxy in front of the service answers in its place. Pass the webhook's path \
             through to the service unchanged.",
        ),
    }
}

/// Sends one update with the current secret token, as Telegram does.
pub(super) async fn ring(wanted: &WantedWebhook, ring: Ring, now: Timestamp) -> Finding {
    const CHECK: &str = "ring";
    let (update, sent) = match ring {
        Ring::Start { user } => (start(user, now), format!("/start from {user}")),
        Ring::Harmless | Ring::No => {
            (json!({ "update_id": now.as_microsecond(), "doorbell_doctor": {} }), "a harmless update".to_owned())
        }
    };
    match probe::deliver(&wanted.url, &wanted.secret_token, update.to_string(), TIMEOUT).await {
        Ok(ProbeResponse { status: 200, .. }) if ring == Ring::Harmless => Finding::ok(
            CHECK,
            format!(
                "{sent} was accepted (200). `doorbell doctor --ring YOUR_ID` sends /start, and the reply comes in Telegram"
            ),
        ),
        Ok(ProbeResponse { status: 200, .. }) => {
            Finding::ok(CHECK, format!("{sent} was accepted (200); look for the reply in Telegram"))
        }
        Ok(ProbeResponse { status, .. }) => Finding::failed(
            CHECK,
            format!("{sent} was answered {status}, not 200"),
            explain(&format!("Wrong response from the webhook: {status} "))
                .map_or("Check the log of the service.", |known| known.remedy),
        ),
        Err(error) => unreached(CHECK, &error),
    }
}

fn start(user: i64, now: Timestamp) -> Value {
    let id = now.as_microsecond();
    json!({ "update_id": id, "message": {
        "message_id": id % 1_000_000, "date": now.as_second(), "text": "/start",
        "entities": [{ "type": "bot_command", "offset": 0, "length": 6 }],
        "from": { "id": user, "is_bot": false, "first_name": "Doctor" },
        "chat": { "id": user, "type": "private", "first_name": "Doctor" },
    } })
}
