use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Finding, Ring};
use crate::http::probe::{self, ProbeResponse, ServiceUnreachable};
use crate::registrar::{WEBHOOK_PATH, WantedWebhook, meaning};
use crate::wording;

/// Telegram waits for 60 s; a service that takes longer than this is unwell all the same.
const PATIENCE: Duration = Duration::from_secs(15);

/// No service has this secret token.
const WRONG: &str = "the-doctors-wrong-secret";

/// Neither is this an update, nor does it change anything.
const NO_UPDATE: &str = "{}";

/// The service that the public URL leads to, as it speaks of itself.
pub(super) struct Service {
    health: Value,
}

/// Asks for `/healthz` at the public URL.
pub(super) async fn service(wanted: &WantedWebhook) -> Result<(Service, Finding), Finding> {
    const CHECK: &str = "way to the service";
    let url = format!("{}/healthz", wanted.url.trim_end_matches(WEBHOOK_PATH));
    let answer = probe::fetch(&url, PATIENCE).await.map_err(|error| unreached(CHECK, &error))?;
    let health: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let Some(version) = health["version"].as_str().filter(|_| health["webhook"].is_object()) else {
        return Err(not_doorbell(CHECK, &url, &answer));
    };
    let uptime = wording::age(Duration::from_secs(health["uptime_s"].as_u64().unwrap_or_default()));
    let finding = match answer.status {
        200 => Finding::well(CHECK, format!("{url} leads to Doorbell {version}, up for {uptime}")),
        _ => Finding::unwell(
            CHECK,
            format!("{url} leads to Doorbell {version}, which is starting or stopping"),
            "Run this again in a moment.",
        ),
    };
    Ok((Service { health }, finding))
}

fn unreached(check: &'static str, error: &ServiceUnreachable) -> Finding {
    let reason = &error.reason;
    Finding::unwell(
        check,
        format!("{error}: {reason}"),
        "Start the service. If it runs, let the platform, proxy or tunnel lead from the public URL to the port it \
         listens on (PORT, at 0.0.0.0), or correct PUBLIC_URL.",
    )
}

fn not_doorbell(check: &'static str, url: &str, answer: &ProbeResponse) -> Finding {
    let status = answer.status;
    let meaning = meaning(&format!("Wrong response from the webhook: {status} "));
    let means = meaning.map(|meaning| format!(": {}", meaning.means)).unwrap_or_default();
    Finding::unwell(
        check,
        format!("{url} answers {status}, but not as Doorbell does{means}"),
        meaning.map_or(
            "Another program answers at the public URL: correct PUBLIC_URL, or what leads from there to this service.",
            |meaning| meaning.remedy,
        ),
    )
}

impl Service {
    /// How the service itself says it stands.
    pub(super) fn standing(&self) -> Finding {
        const CHECK: &str = "service";
        let webhook = &self.health["webhook"];
        let says = webhook["says"].as_str().unwrap_or_default();
        // Where the operator wants another program to register, that is as it should be.
        if webhook["standing"] == "off" && webhook["why"] == "turned_off" {
            return Finding::well(CHECK, format!("it says: {says}"));
        }
        if webhook["standing"] != "active" {
            return Finding::unwell(
                CHECK,
                format!("it says: {says}"),
                "Do as it says; its log has the story. `doorbell webhook info` shows what Telegram has.",
            );
        }
        match (self.conflict(), webhook["trouble"].as_str()) {
            (Some(conflict), _) => {
                Finding::unwell(CHECK, format!("it says: {conflict}"), "Stop the other program or copy, as it says.")
            }
            (None, Some(trouble)) => Finding::unwell(CHECK, format!("it says: {trouble}"), "Do as it says."),
            (None, None) => Finding::well(CHECK, format!("it says: {says}")),
        }
    }

    /// Who else changes the webhook, as far as the service has noticed.
    pub(super) fn conflict(&self) -> Option<&str> {
        self.health["webhook"]["conflict"].as_str()
    }

    /// What the service says of its inbox.
    pub(super) fn inbox(&self) -> &Value {
        &self.health["inbox"]
    }
}

/// Whether the webhook lets in who knows the secret in force, and nobody else. What is sent is no
/// update, so nothing is taken in.
pub(super) async fn secret(wanted: &WantedWebhook) -> Finding {
    const CHECK: &str = "secret token";
    let knock = async |secret| probe::deliver(&wanted.url, secret, NO_UPDATE.to_owned(), PATIENCE).await;
    let (wrong, right) = match (knock(&WRONG.into()).await, knock(&wanted.secret_token).await) {
        (Ok(wrong), Ok(right)) => (wrong.status, right.status),
        (Err(error), _) | (_, Err(error)) => return unreached(CHECK, &error),
    };
    match (wrong, right) {
        (401, 400) => Finding::well(CHECK, "the service refuses a wrong one and knows the one in force"),
        (401, 401) => Finding::unwell(
            CHECK,
            "the service does not know the secret token that follows from the settings here",
            "Give this command and all instances of the service the same TELEGRAM_BOT_TOKEN and WEBHOOK_SECRET, and \
             start the service again.",
        ),
        (401, status) => Finding::unwell(
            CHECK,
            format!("the service refuses a wrong one, but answers {status} to the right one"),
            "Look at the log of the service: it should have said 400 to what is no update.",
        ),
        (status, _) => Finding::unwell(
            CHECK,
            format!("{} answers {status} to a wrong secret token, not 401", wanted.url),
            "Doorbell refuses it: something before the service answers in its place. Let the webhook's path pass as it \
             is.",
        ),
    }
}

/// Sends one update, signed as Telegram's are.
pub(super) async fn ring(wanted: &WantedWebhook, ring: Ring, now: Timestamp) -> Finding {
    const CHECK: &str = "ring";
    let (update, sent) = match ring {
        Ring::Start { user } => (start(user, now), format!("/start from {user}")),
        Ring::Harmless | Ring::No => (
            json!({ "update_id": now.as_microsecond(), "doorbell_doctor": {} }),
            "an update that means nothing".to_owned(),
        ),
    };
    match probe::deliver(&wanted.url, &wanted.secret_token, update.to_string(), PATIENCE).await {
        Ok(ProbeResponse { status: 200, .. }) if ring == Ring::Harmless => Finding::well(
            CHECK,
            format!(
                "{sent} was taken in (200). `doorbell doctor --ring YOUR_ID` sends /start: the reply comes in Telegram"
            ),
        ),
        Ok(ProbeResponse { status: 200, .. }) => {
            Finding::well(CHECK, format!("{sent} was taken in (200); look for the reply in Telegram"))
        }
        Ok(ProbeResponse { status, .. }) => Finding::unwell(
            CHECK,
            format!("{sent} was answered {status}, not 200"),
            meaning(&format!("Wrong response from the webhook: {status} "))
                .map_or("Look at the log of the service.", |meaning| meaning.remedy),
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
