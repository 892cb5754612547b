use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use super::inbox_depth::InboxDepth;
use super::state::{BotHealth, ServiceState};
use crate::clock::elapsed;
use crate::handler::forward::BotStatus;
use crate::registrar::{Status, WebhookHealth};
use crate::telemetry::Label;
use crate::webhook::{Acknowledged, Counts, Reason};

/// The body, in the order in which a person reads it.
#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    version: &'static str,
    uptime_s: u64,
    webhook: Webhook<'a>,
    handling: Paused,
    bot: Option<Bot>,
    inbox: InboxDepth,
    updates: Updates,
    advice: Option<&'a str>,
}

/// Your own bot. Nothing here says where it listens: everybody can read this.
#[derive(Serialize)]
struct Bot {
    status: &'static str,
    says: String,
    gateway: Option<Gateway>,
}

#[derive(Serialize)]
struct Gateway {
    real_token_used: bool,
}

#[derive(Serialize)]
struct Webhook<'a> {
    #[serde(flatten)]
    registration: &'a Status,
    says: String,
    #[serde(flatten)]
    health: &'a WebhookHealth,
}

/// Whether the operator has paused the handling.
#[derive(Serialize)]
struct Paused {
    paused: bool,
    says: String,
}

#[derive(Serialize)]
struct Updates {
    stored: u64,
    known: u64,
    unauthorized: u64,
    foreign: u64,
    malformed: u64,
    unavailable: u64,
}

/// `GET /healthz`: 200 while the process can serve, and 503 while it stops. Telegram, a database or a bot that is away does
/// not change that, because a restart would not help.
pub(super) async fn show(State(service): State<Arc<ServiceState>>) -> Response {
    let (status, word) =
        if service.is_stopping() { (StatusCode::SERVICE_UNAVAILABLE, "stopping") } else { (StatusCode::OK, "ok") };
    let inbox = InboxDepth::read(&service).await;
    let registration = service.registration.borrow().clone();
    let handling = *service.handling.borrow();
    let body = Body {
        status: word,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: elapsed(service.started_at, service.clock.now()).as_secs(),
        webhook: Webhook {
            registration: &registration,
            says: registration.sentence(),
            health: &service.webhook_health.borrow(),
        },
        handling: Paused { paused: handling.is_paused(), says: handling.sentence() },
        bot: service.bot.as_ref().map(Bot::of),
        inbox,
        updates: Updates::from(&*service.webhook_counts),
        advice: service.advice.as_deref(),
    };
    (status, Json(body)).into_response()
}

impl Bot {
    fn of(bot: &BotHealth) -> Self {
        let status: BotStatus = bot.status.borrow().clone();
        let gateway = bot.gateway.as_ref();
        Self {
            status: status.name().name(),
            says: status.sentence(),
            gateway: gateway.map(|gateway| Gateway { real_token_used: *gateway.real_token_used.borrow() }),
        }
    }
}

impl From<&Counts> for Updates {
    fn from(counts: &Counts) -> Self {
        Self {
            stored: counts.acknowledged.of(Acknowledged::Stored).get(),
            known: counts.acknowledged.of(Acknowledged::Known).get(),
            unauthorized: counts.refused.of(Reason::Secret).get(),
            foreign: counts.foreign.get(),
            malformed: counts.malformed(),
            unavailable: counts.unavailable(),
        }
    }
}
