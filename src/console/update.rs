//! One update: what the store has of it, what happened to it, and what can be done with it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::frame::{Frame, Tab};
use super::not_found::{self, Missing};
use super::reading::Unreadable;
use super::rows::Row;
use super::state::Console;
use super::timeline::{Moment, moment};
use super::visit::Visit;
use crate::http::pages::{Page, render};
use crate::inbox::{Record, UpdateState};
use crate::registrar::{Explanation, explain};
use crate::telegram::SECRET_HEADER_AS_SENT;
use crate::trail::Step;
use crate::update::{ChatKey, UpdateId};

/// The data of the page.
#[derive(Debug, Serialize)]
struct UpdateView {
    id: String,
    /// What the store has. `None` if it does not know the update, or cannot be read.
    record: Option<Row>,
    /// Whether the store has its content.
    has_content: bool,
    /// The methods of the calls that are still to be made.
    calls_left: Vec<String>,
    /// What Telegram's error means, if it is known.
    explanation: Option<Explanation>,
    /// What happened to it. `None` if it is not among the latest updates of this process.
    trail: Option<Vec<Step>>,
    /// A command that sends a similar update.
    ring: String,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "console/update.html")]
struct UpdatePage<'a> {
    page: Page,
    frame: Frame,
    data: &'a UpdateView,
    moments: Vec<Moment>,
    is_dead: bool,
    link: String,
}

/// `GET /console/updates/{id}`
pub(super) async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(id) = id.parse().ok().map(UpdateId) else { return not_found::show(&visit, Missing::Update) };
    let found = console.read(console.deps.inbox.find(id)).await;
    let trail = console.deps.trail.of(id);
    if matches!(found, Ok(None)) && trail.is_none() {
        return not_found::show(&visit, Missing::Update);
    }
    let (record, error) = match found {
        Ok(record) => (record, None),
        Err(Unreadable { error }) => (None, Some(error)),
    };
    let data = view(id, record, trail, error, &visit);
    visit.respond(&data, || UpdatePage {
        page: visit.page(&format!("{} {id}", visit.language.pick("Update", "Обновление"))),
        frame: visit.frame(Tab::Updates),
        moments: moments(data.trail.as_deref().unwrap_or_default(), &visit),
        is_dead: data.record.as_ref().is_some_and(|record| record.state == UpdateState::Dead),
        link: console.link(&format!("/console/updates/{id}")),
        data: &data,
    })
}

fn view(
    id: UpdateId,
    record: Option<Record>,
    trail: Option<Vec<Step>>,
    error: Option<String>,
    visit: &Visit,
) -> UpdateView {
    let calls = record.as_ref().and_then(|record| record.calls_left.clone()).unwrap_or_default();
    let chat = record.as_ref().and_then(|record| record.chat_key.parse::<ChatKey>().ok()?.chat_id());
    UpdateView {
        id: id.to_string(),
        has_content: record.as_ref().is_some_and(|record| record.body.is_some()),
        calls_left: calls.into_iter().map(|call| call.method).collect(),
        explanation: record.as_ref().and_then(|record| explain(record.reason.as_deref()?)),
        ring: format!("doorbell ring '/start' --chat {}", chat.unwrap_or(1)),
        record: record.map(|record| Row::new(record, visit)),
        trail,
        error,
    }
}

fn moments(trail: &[Step], visit: &Visit) -> Vec<Moment> {
    trail.iter().map(|step| moment(step, |at| visit.when(at), visit.language)).collect()
}

/// The page with the content of an update.
#[derive(Template)]
#[template(path = "console/content.html")]
struct ContentPage {
    page: Page,
    frame: Frame,
    id: String,
    body: String,
    calls: Vec<(String, String)>,
    curl: String,
    back: String,
}

/// `POST /console/updates/{id}/content`: shows what a person wrote, once, and logs that it was shown.
pub(super) async fn content(State(console): State<Arc<Console>>, Path(id): Path<String>, visit: Visit) -> Response {
    let Some(id) = id.parse().ok().map(UpdateId) else { return not_found::show(&visit, Missing::Update) };
    let record = match console.read(console.deps.inbox.find(id)).await {
        Ok(Some(record)) => record,
        Ok(None) => return not_found::show(&visit, Missing::Update),
        Err(unreadable) => return not_found::unreadable(&visit, &unreadable),
    };
    let Some(body) = record.body else { return not_found::show(&visit, Missing::Content) };
    tracing::info!(update.id = id.0, "the content of the update was shown to the operator");
    let calls = record.calls_left.unwrap_or_default();
    if visit.is_json {
        let content = serde_json::json!({ "id": id.to_string(), "body": body, "calls_left": calls });
        return axum::Json(content).into_response();
    }
    let pretty = |value: &Value| format!("{value:#}");
    render(&ContentPage {
        page: visit
            .still_page(&format!("{} {id}", visit.language.pick("The content of update", "Содержимое обновления"))),
        frame: visit.frame(Tab::Updates),
        id: id.to_string(),
        curl: curl(&console, &body),
        body: serde_json::from_str::<Value>(&body).as_ref().map_or_else(|_| body.clone(), pretty),
        calls: calls.into_iter().map(|call| (call.method, pretty(&serde_json::json!(call.params)))).collect(),
        back: console.link(&format!("/console/updates/{id}")),
    })
}

/// A command that sends the update to a service. The secret token is a variable of the shell.
fn curl(console: &Console, body: &str) -> String {
    let url = console.public_url().unwrap_or("http://127.0.0.1:10000");
    let quoted = |text: &str| text.replace('\'', "'\\''");
    format!(
        "curl -i '{}{}' \\\n  -H \"{SECRET_HEADER_AS_SENT}: $WEBHOOK_SECRET\" \\\n  -H 'Content-Type: application/json' \\\n  \
         -d '{}'",
        quoted(url),
        crate::webhook::PATH,
        quoted(body)
    )
}
