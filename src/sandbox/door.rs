//! The door: `/sandbox/...`, through which a person with curl or a test speaks as a user, sees what
//! was said, and lets things go wrong.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Fault, NOT_RECEIVED, Sandbox};
use crate::update::UpdateId;

/// The largest body that is read.
const LARGEST_BODY: usize = 1 << 20;

const WHAT_IS_HERE: &str = "\
The sandbox of Doorbell: a Telegram in miniature. Speak to the bot as a user:

  POST   /sandbox/messages   {\"text\": \"/start\", \"chat\": 1, \"from\": \"Ann\"}   write; only text is needed
  GET    /sandbox/messages   the conversation; ?chat=1 for one chat
  POST   /sandbox/presses    {\"message_id\": 2, \"data\": \"yes\", \"chat\": 1}     press a button that the message has
  POST   /sandbox/updates    {\"kind\": \"inline_query\", \"content\": {...}}      any update
  GET    /sandbox/calls      the Bot API calls that were received
  GET    /sandbox/deliveries the attempts to deliver updates
  GET    /sandbox/webhook    the webhook that is set
  GET    /sandbox/variables  what a bot has to be told to speak to this Telegram

Let things go wrong:

  POST   /sandbox/faults     {\"method\": \"sendMessage\", \"times\": 1, \"what\": {\"html\": 502}}
                             or {\"status\": {\"code\": 429, \"description\": \"Too Many Requests\", \"retry_after\": 3}},
                             {\"slow\": 1500}, \"hang\", \"close\", \"lost\", \"garbage\"
                             Faults wait in a queue: a call meets the oldest that fits its method, and times counts
                             the calls that one still meets. Without times it stays until all are deleted.
  GET    /sandbox/faults     those in force
  DELETE /sandbox/faults
  POST   /sandbox/scenes/polling-copy      an old polling copy of the bot starts
  POST   /sandbox/scenes/second-service    {\"url\": \"https://other.example/hook\"}   takes the webhook
  POST   /sandbox/scenes/changed-secret    the secret token is changed behind the service's back
";

/// The routes of the door.
pub(super) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/sandbox", get(WHAT_IS_HERE))
        .route("/sandbox/messages", get(messages).post(say))
        .route("/sandbox/presses", post(press))
        .route("/sandbox/updates", post(push))
        .route("/sandbox/calls", get(async |State(sandbox): State<Sandbox>| Json(sandbox.calls())))
        .route("/sandbox/deliveries", get(async |State(sandbox): State<Sandbox>| Json(sandbox.deliveries())))
        .route("/sandbox/webhook", get(async |State(sandbox): State<Sandbox>| Json(sandbox.webhook())))
        .route("/sandbox/variables", get(variables))
        .route("/sandbox/faults", get(faults).post(fault).delete(clear_faults))
        .route("/sandbox/scenes/polling-copy", post(polling_copy))
        .route("/sandbox/scenes/second-service", post(second_service))
        .route("/sandbox/scenes/changed-secret", post(changed_secret))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is no such place; GET /sandbox tells what is here"))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn(keep_pages_out))
        .with_state(sandbox)
}

/// A page of another site, open in the same browser, must not speak here.
async fn keep_pages_out(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let host = origin.and_then(|origin| url::Url::parse(origin).ok()).and_then(|url| url.host_str().map(str::to_owned));
    match (origin, host.as_deref()) {
        (None, _) | (_, Some("127.0.0.1" | "localhost" | "[::1]")) => next.run(request).await,
        _ => refuse(StatusCode::FORBIDDEN, "pages of other sites may not speak here"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    text: String,
    #[serde(default = "chat")]
    chat: i64,
    #[serde(default = "from")]
    from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    message_id: i64,
    data: String,
    #[serde(default = "chat")]
    chat: i64,
    #[serde(default = "from")]
    from: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Push {
    kind: String,
    content: Value,
}

#[derive(Deserialize)]
struct OfChat {
    chat: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondService {
    url: String,
}

fn chat() -> i64 {
    1
}

fn from() -> String {
    "Ann".to_owned()
}

async fn say(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let wanted = r#"wanted: {"text": "/start"}, and if you like "chat": 1, "from": "Ann""#;
    read(&body, wanted, |Say { text, chat, from }| match (text.trim(), chat) {
        ("", _) | (_, 0) => refuse(StatusCode::BAD_REQUEST, wanted),
        _ if from.trim().is_empty() => refuse(StatusCode::BAD_REQUEST, wanted),
        _ => pushed(sandbox.say(chat, &from, &text)),
    })
}

async fn press(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let wanted = r#"wanted: {"message_id": 2, "data": "yes"}, and if you like "chat": 1, "from": "Ann""#;
    read(&body, wanted, |Press { message_id, data, chat, from }| match no_button(&sandbox, chat, message_id, &data) {
        Some(problem) => refuse(StatusCode::BAD_REQUEST, &problem),
        None => pushed(sandbox.press(chat, &from, message_id, &data)),
    })
}

async fn push(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let wanted = r#"wanted: {"kind": "inline_query", "content": {"id": "1", "from": {"id": 1}, "query": ""}}"#;
    read(&body, wanted, |Push { kind, content }| pushed(sandbox.push(&kind, content)))
}

async fn messages(State(sandbox): State<Sandbox>, query: Query<OfChat>) -> Response {
    Json(sandbox.messages(query.chat)).into_response()
}

async fn fault(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let wanted = r#"wanted: {"method": "sendMessage", "times": 1, "what": {"html": 502}}; see GET /sandbox"#;
    read(&body, wanted, |fault: Fault| {
        if let Some(problem) = fault.problem() {
            return refuse(StatusCode::BAD_REQUEST, &problem);
        }
        sandbox.fault(fault);
        done()
    })
}

async fn faults(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.faults()).into_response()
}

async fn variables(State(sandbox): State<Sandbox>) -> Response {
    Json(sandbox.variables().into_iter().collect::<BTreeMap<_, _>>()).into_response()
}

/// Why nobody can press this button; none if somebody can.
fn no_button(sandbox: &Sandbox, chat: i64, message_id: i64, data: &str) -> Option<String> {
    let messages = sandbox.messages(Some(chat));
    if messages.is_empty() {
        return Some(format!("there are no messages in chat {chat}: there is nothing to press"));
    }
    let Some(message) = messages.iter().find(|message| message.message_id == message_id) else {
        return Some(format!(
            "there is no message {message_id} in chat {chat}; GET /sandbox/messages?chat={chat} has all"
        ));
    };
    let rows = message.buttons.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    let known: Vec<_> = buttons.filter_map(|button| button["callback_data"].as_str()).collect();
    if known.contains(&data) {
        return None;
    }
    let none = format!("message {message_id} has no button with the data \"{}\"", data.escape_debug());
    Some(match known.as_slice() {
        [] => format!("{none}, nor with any other"),
        known => format!("{none}; it has \"{}\"", known.join("\", \"")),
    })
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> Response {
    sandbox.clear_faults();
    done()
}

async fn polling_copy(State(sandbox): State<Sandbox>) -> Response {
    sandbox.polling_copy();
    done()
}

async fn second_service(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    read(&body, r#"wanted: {"url": "https://other.example/hook"}"#, |SecondService { url }| {
        match sandbox.second_service(&url) {
            Ok(()) => done(),
            Err(refusal) => refuse(StatusCode::BAD_REQUEST, &refusal),
        }
    })
}

async fn changed_secret(State(sandbox): State<Sandbox>) -> Response {
    sandbox.changed_secret("changed-behind-your-back");
    done()
}

/// Reads the body as JSON, whatever its content type: `curl -d` says it sends a form.
fn read<T: DeserializeOwned>(body: &Bytes, wanted: &str, act: impl FnOnce(T) -> Response) -> Response {
    match serde_json::from_slice(body) {
        Ok(body) => act(body),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &format!("{error}; {wanted}")),
    }
}

fn pushed(update_id: UpdateId) -> Response {
    if update_id == NOT_RECEIVED {
        let why = "the bot does not receive this: it did not ask for updates of that kind, or too many wait";
        return Json(json!({"update_id": null, "why": why})).into_response();
    }
    Json(json!({"update_id": update_id})).into_response()
}

fn done() -> Response {
    Json(json!({"ok": true})).into_response()
}

fn refuse(status: StatusCode, problem: &str) -> Response {
    let body = json!({"title": problem, "status": status.as_u16()}).to_string();
    (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}
