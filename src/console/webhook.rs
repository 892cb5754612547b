//! The webhook: wanted against seen, what happened to it, and *register now*.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Serialize;
use tracing::Level as LogLevel;
use url::Url;

use super::confirm::Confirm;
use super::frame::{Frame, Tab};
use super::level::{Level, Tag};
use super::state::Console;
use super::visit::Visit;
use super::when::When;
use crate::http::Problem;
use crate::http::pages::{Language, Page, render};
use crate::registrar::{Happening, Observed, OffReason, Status, WebhookHealth, drift, explain};

/// The data of the page.
#[derive(Debug, Serialize)]
struct Webhook {
    #[serde(flatten)]
    status: Status,
    #[serde(skip)]
    tag: Tag,
    says: String,
    #[serde(flatten)]
    health: WebhookHealth,
    /// Whether this service can register the webhook.
    can_register: bool,
    checked_at: Option<When>,
    rows: Vec<Row>,
    differences: Vec<String>,
    /// What Telegram last reported about a failed delivery.
    last_error: Option<LastError>,
    history: Vec<Happening>,
}

/// A parameter of the webhook.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    wanted: String,
    /// `None` before Telegram was asked, and where it does not say.
    seen: Option<String>,
}

#[derive(Debug, Serialize)]
struct LastError {
    at: Option<When>,
    text: String,
    means: Option<&'static str>,
    remedy: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "console/webhook.html")]
struct WebhookPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a Webhook,
    history: Vec<(When, &'static str, &'a str)>,
}

/// `GET /console/webhook`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let service = &console.deps.service;
    let status = service.registration.borrow().clone();
    let observed = console.deps.registrar.observed();
    let seen = observed.as_ref().and_then(|observed| observed.seen.as_ref());
    let differences = observed.as_ref().zip(seen).map(|(observed, (_, seen))| drift(&observed.wanted, seen));
    let last_error = seen.and_then(|(_, info)| {
        let text = info.last_error_message.clone()?;
        let known = explain(&text);
        let at = info.last_error_at().map(|at| visit.when(at));
        Some(LastError { at, means: known.map(|known| known.means), remedy: known.map(|known| known.remedy), text })
    });
    let data = Webhook {
        tag: level(&status).tag(visit.language),
        says: status.sentence(),
        status,
        health: service.webhook_health.borrow().clone(),
        can_register: observed.is_some(),
        checked_at: seen.map(|(at, _)| visit.when(*at)),
        rows: observed.as_ref().map(rows).unwrap_or_default(),
        differences: differences.unwrap_or_default().iter().map(ToString::to_string).collect(),
        last_error,
        history: console.deps.registrar.history(),
    };
    visit.respond(&data, || WebhookPage {
        page: visit.page(Tab::Webhook.name(visit.language)),
        frame: visit.frame(Tab::Webhook),
        history: data.history.iter().map(|event| (visit.when(event.at), class(event.level), &*event.text)).collect(),
        data: &data,
    })
}

/// `GET /console/webhook/register`: what it means, before it is done.
pub(super) async fn ask(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let language = visit.language;
    let other = match &*console.deps.service.registration.borrow() {
        Status::Superseded { host } => Some(host.clone()),
        Status::Registering { .. } | Status::Active { .. } | Status::Refused { .. } | Status::Off { .. } => None,
    };
    let first = match (other, language) {
        (Some(host), Language::English) => format!(
            "Another service, at {host}, has this bot's webhook. It loses it: updates come here then, and none go there. If \
             that service watches its webhook, it reports this."
        ),
        (Some(host), Language::Russian) => format!(
            "Вебхук этого бота сейчас у другого сервиса, {host}. Он его потеряет: обновления пойдут сюда, а туда перестанут."
        ),
        (None, _) => language
            .pick(
                "Doorbell sets the webhook at Telegram again, also if another service has taken it in the meantime.",
                "Doorbell заново установит вебхук в Telegram, даже если его тем временем занял другой сервис.",
            )
            .to_owned(),
    };
    let second = language.pick(
        "Updates that wait at Telegram stay there and are delivered afterwards.",
        "Обновления, ждущие в Telegram, сохраняются и будут доставлены после этого.",
    );
    render(&Confirm {
        page: visit.still_page(language.pick("Register now", "Зарегистрировать сейчас")),
        frame: visit.frame(Tab::Webhook),
        sentences: vec![first, second.to_owned()],
        action: console.link("/console/webhook/register"),
        fields: Vec::new(),
        button: language.pick("Register now", "Зарегистрировать").to_owned(),
        class: "",
        back: console.link(Tab::Webhook.path()),
    })
}

/// `POST /console/webhook/register`
pub(super) async fn register(State(console): State<Arc<Console>>) -> Response {
    if !console.deps.registrar.register_now() {
        let sentence = console.deps.service.registration.borrow().sentence();
        return Problem::new(StatusCode::CONFLICT, "This service registers no webhook", sentence).into_response();
    }
    Redirect::to(&console.link("/console/webhook?done=registering")).into_response()
}

/// How well the registration is.
pub(super) fn level(status: &Status) -> Level {
    match status {
        Status::Active { .. } => Level::Ok,
        Status::Registering { trouble: None } | Status::Off { why: OffReason::TurnedOff } => Level::Warn,
        Status::Registering { trouble: Some(_) }
        | Status::Superseded { .. }
        | Status::Refused { .. }
        | Status::Off { .. } => Level::Bad,
    }
}

/// The class of a log line of this level.
fn class(level: LogLevel) -> &'static str {
    match level {
        LogLevel::ERROR => "bad",
        LogLevel::WARN => "warn",
        _ => "ok",
    }
}

/// The parameters, as wanted and as seen. Of another service's URL only the host is shown: its path can hold a token.
fn rows(observed: &Observed) -> Vec<Row> {
    let (wanted, seen) = (&observed.wanted, observed.seen.as_ref().map(|(_, seen)| seen));
    let kinds = |kinds: &[String]| if kinds.is_empty() { "Telegram's default".to_owned() } else { kinds.join(", ") };
    let host = |url: &str| match Url::parse(url) {
        Ok(parsed) => parsed.host_str().unwrap_or("an address without a host").to_owned(),
        Err(_) if url.is_empty() => "no webhook".to_owned(),
        Err(_) => "an address that is no URL".to_owned(),
    };
    vec![
        Row { name: "url", wanted: host(&wanted.url), seen: seen.map(|seen| host(&seen.url)) },
        Row {
            name: "allowed_updates",
            wanted: kinds(&wanted.allowed_updates),
            seen: seen.map(|seen| kinds(seen.allowed_updates.as_deref().unwrap_or_default())),
        },
        Row {
            name: "max_connections",
            wanted: wanted.max_connections.to_string(),
            seen: seen.and_then(|seen| Some(seen.max_connections?.to_string())),
        },
        Row { name: "ip_address", wanted: "-".to_owned(), seen: seen.and_then(|seen| seen.ip_address.clone()) },
        Row {
            name: "pending_update_count",
            wanted: "-".to_owned(),
            seen: seen.map(|seen| seen.pending_update_count.to_string()),
        },
    ]
}
