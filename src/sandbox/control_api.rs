//! The control API, `/sandbox/...`: with it, a person or a test acts as a user, reads what happened, and
//! makes calls fail.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Query, Request, State};
use axum::http::header::{CONTENT_TYPE, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::handle::Sandbox;
use super::records::NOT_RECEIVED;
use super::state::faults::{Fault, FaultKind};
use super::{actions, control_help, methods, page};
use crate::telegram::Params;
use crate::update::UpdateId;

/// The maximum size of a request body.
const MAX_BODY: usize = 1 << 20;

/// The maximum size of a request that has a file.
const MAX_UPLOAD: usize = 20 << 20;

/// The secret token that the scenario `changed-secret` sets.
const CHANGED_SECRET: &str = "changed-behind-your-back";

/// The routes of the control API.
pub(super) fn router(sandbox: Sandbox) -> Router {
    let scenarios = Router::new()
        .route("/polling-copy", post(polling_copy))
        .route("/second-service", post(second_service))
        .route("/changed-secret", post(changed_secret));
    Router::new()
        .route("/sandbox", get(async || control_help::text()))
        .route("/sandbox/messages", get(messages).post(send_text))
        .route("/sandbox/presses", post(press_button))
        .route("/sandbox/updates", post(push))
        .route("/sandbox/actions/{name}", post(act).layer(DefaultBodyLimit::max(MAX_UPLOAD)))
        .route("/sandbox/calls", get(async |State(sandbox): State<Sandbox>| Json(sandbox.calls())))
        .route("/sandbox/deliveries", get(async |State(sandbox): State<Sandbox>| Json(sandbox.deliveries())))
        .route("/sandbox/webhook", get(async |State(sandbox): State<Sandbox>| Json(sandbox.webhook())))
        .route("/sandbox/variables", get(variables))
        .route("/sandbox/faults", get(faults).post(add_fault).delete(clear_faults))
        .nest("/sandbox/scenarios", scenarios.clone())
        // The path of earlier versions.
        .nest("/sandbox/scenes", scenarios)
        .fallback(async || Problem(StatusCode::NOT_FOUND, "not found; GET /sandbox lists the routes".to_owned()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn(refuse_foreign_origins))
        .layer(middleware::from_fn(page::refuse_other_hosts))
        .with_state(sandbox)
}

/// Refuses requests of a web page of another site that is open in the same browser.
async fn refuse_foreign_origins(request: Request, next: Next) -> Response {
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let host = origin.and_then(|origin| url::Url::parse(origin).ok()).and_then(|url| url.host_str().map(str::to_owned));
    match (origin, host.as_deref()) {
        (None, _) | (_, Some("127.0.0.1" | "localhost" | "[::1]")) => next.run(request).await,
        _ => Problem(StatusCode::FORBIDDEN, "pages of other sites may not use the sandbox".to_owned()).into_response(),
    }
}

/// The response to a request that the control API refuses.
struct Problem(StatusCode, String);

impl Problem {
    fn bad_request(problem: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, problem.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({"title": self.1, "status": self.0.as_u16()}).to_string();
        (self.0, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
    }
}

type Result<T = Json<Value>> = std::result::Result<T, Problem>;

/// A body, with a description of its form for the refusal of another one.
trait Body: DeserializeOwned {
    const EXPECTED: &str;
}

/// Reads a body as JSON and ignores its content type, because `curl -d` sends the type of a form.
struct AnyJson<T>(T);

impl<T: Body, S: Send + Sync> FromRequest<S> for AnyJson<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> std::result::Result<Self, Response> {
        let body = Bytes::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        let problem = |error| Problem::bad_request(format!("{error}; {}", T::EXPECTED)).into_response();
        serde_json::from_slice(&body).map(Self).map_err(problem)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMessage {
    text: String,
    #[serde(default = "default_chat")]
    chat: i64,
    #[serde(default = "default_from")]
    from: String,
}

impl Body for NewMessage {
    const EXPECTED: &str = r#"expected: {"text": "/start"}, optionally with "chat": 1, "from": "Ann""#;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ButtonPress {
    message_id: i64,
    data: String,
    #[serde(default = "default_chat")]
    chat: i64,
    #[serde(default = "default_from")]
    from: String,
}

impl Body for ButtonPress {
    const EXPECTED: &str = r#"expected: {"message_id": 2, "data": "yes"}, optionally with "chat": 1, "from": "Ann""#;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUpdate {
    kind: String,
    content: Value,
}

impl Body for NewUpdate {
    const EXPECTED: &str =
        r#"expected: {"kind": "inline_query", "content": {"id": "1", "from": {"id": 1}, "query": ""}}"#;
}

impl Body for Fault {
    const EXPECTED: &str =
        r#"expected: {"method": "sendMessage", "times": 1, "what": {"html": 502}}; see GET /sandbox"#;
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecondService {
    url: String,
}

impl Body for SecondService {
    const EXPECTED: &str = r#"expected: {"url": "https://other.example/hook"}"#;
}

#[derive(Deserialize)]
struct ChatFilter {
    chat: Option<i64>,
    format: Option<String>,
}

fn default_chat() -> i64 {
    1
}

fn default_from() -> String {
    "Ann".to_owned()
}

async fn send_text(State(sandbox): State<Sandbox>, AnyJson(message): AnyJson<NewMessage>) -> Result {
    let NewMessage { text, chat, from } = message;
    if text.trim().is_empty() || chat == 0 || from.trim().is_empty() {
        return Err(Problem::bad_request(NewMessage::EXPECTED));
    }
    Ok(pushed(sandbox.send_text(chat, &from, &text)))
}

async fn press_button(State(sandbox): State<Sandbox>, AnyJson(press): AnyJson<ButtonPress>) -> Result {
    let ButtonPress { message_id, data, chat, from } = press;
    check_button(&sandbox, chat, message_id, &data)?;
    Ok(pushed(sandbox.press_button(chat, &from, message_id, &data)))
}

async fn push(State(sandbox): State<Sandbox>, AnyJson(update): AnyJson<NewUpdate>) -> Json<Value> {
    pushed(sandbox.push(&update.kind, update.content))
}

/// Does what a user does. A form may contain a file; any other body is JSON, or empty.
async fn act(State(sandbox): State<Sandbox>, Path(name): Path<String>, headers: HeaderMap, body: Bytes) -> Result {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut params = Params::default();
    if content_type.contains("multipart/form-data") {
        params.read(content_type, &body);
    } else if !body.is_empty() {
        let problem = |error| Problem::bad_request(format!("the body is not a JSON object: {error}"));
        params = Params::from(serde_json::from_slice::<Map<String, Value>>(&body).map_err(problem)?);
    }
    let acted = sandbox.shared.change(|state, now| actions::act(state, now, &name, params));
    Ok(pushed(acted.map_err(Problem::bad_request)?.unwrap_or(NOT_RECEIVED)))
}

async fn messages(State(sandbox): State<Sandbox>, query: Query<ChatFilter>) -> Response {
    let messages = sandbox.messages(query.chat);
    if query.format.as_deref() == Some("text") {
        return page::transcript(&messages).into_response();
    }
    Json(messages).into_response()
}

async fn variables(State(sandbox): State<Sandbox>) -> Json<BTreeMap<&'static str, String>> {
    Json(sandbox.variables().into_iter().collect())
}

async fn add_fault(State(sandbox): State<Sandbox>, AnyJson(fault): AnyJson<Fault>) -> Result {
    check_fault(&fault)?;
    sandbox.add_fault(fault);
    Ok(done())
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Vec<Fault>> {
    Json(sandbox.faults())
}

async fn clear_faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.clear_faults();
    done()
}

async fn polling_copy(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.start_polling_copy();
    done()
}

async fn second_service(State(sandbox): State<Sandbox>, AnyJson(service): AnyJson<SecondService>) -> Result {
    sandbox.take_over_webhook(&service.url).map_err(Problem::bad_request)?;
    Ok(done())
}

async fn changed_secret(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.change_secret(CHANGED_SECRET);
    done()
}

/// Refuses to press a button that does not exist.
fn check_button(sandbox: &Sandbox, chat: i64, message_id: i64, data: &str) -> Result<()> {
    let messages = sandbox.messages(Some(chat));
    if messages.is_empty() {
        return Err(Problem::bad_request(format!("there are no messages in chat {chat}, so there are no buttons")));
    }
    let Some(message) = messages.iter().find(|message| message.message_id == message_id) else {
        let problem = format!("there is no message {message_id} in chat {chat}");
        return Err(Problem::bad_request(format!("{problem}; GET /sandbox/messages?chat={chat} lists all")));
    };
    let rows = message.buttons.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
    let buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    let known: Vec<_> = buttons.filter_map(|button| button["callback_data"].as_str()).collect();
    if known.contains(&data) {
        return Ok(());
    }
    let problem = format!("message {message_id} has no button with the data \"{}\"", data.escape_debug());
    Err(Problem::bad_request(match known.as_slice() {
        [] => format!("{problem}, nor with any other"),
        known => format!("{problem}; it has \"{}\"", known.join("\", \"")),
    }))
}

/// Refuses a fault that can never apply.
fn check_fault(fault: &Fault) -> Result<()> {
    if let Some(method) = fault.method.as_deref().filter(|method| methods::find(method).is_none()) {
        let method = method.escape_debug();
        return Err(Problem::bad_request(format!("the Bot API of the sandbox has no method \"{method}\"")));
    }
    if fault.times == Some(0) {
        return Err(Problem::bad_request("times is 0, so no call would fail; leave it out for all calls"));
    }
    let (code, valid) = match &fault.what {
        FaultKind::Status { code, .. } => (*code, 400..=599),
        FaultKind::Html(code) => (*code, 200..=599),
        FaultKind::Hang | FaultKind::Close | FaultKind::Lost | FaultKind::Slow(_) | FaultKind::Garbage => return Ok(()),
    };
    if valid.contains(&code) {
        return Ok(());
    }
    let (min, max) = valid.into_inner();
    Err(Problem::bad_request(format!("the code must be from {min} to {max}, not {code}")))
}

fn pushed(update_id: UpdateId) -> Json<Value> {
    if update_id == NOT_RECEIVED {
        let reason = "the bot does not receive this: it did not ask for updates of that kind, or too many are pending";
        return Json(json!({"update_id": null, "why": reason}));
    }
    Json(json!({"update_id": update_id}))
}

fn done() -> Json<Value> {
    Json(json!({"ok": true}))
}
