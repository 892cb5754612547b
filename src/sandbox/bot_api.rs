//! The Bot API over HTTP: `/bot<token>/<method>`, parameters in any of its forms, answers and
//! refusals in its words.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;

use super::faults::Answer;
use super::records::ReceivedCall;
use super::reply::{Params, Reply};
use super::target::Target;
use super::webhook::{Begun, Plan};
use super::world::World;
use super::{Shared, TOKEN, conflicts};

/// A body may have so many bytes.
const LARGEST_BODY: usize = 1 << 20;

/// Answers one request; an error closes the connection without an answer.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request) -> io::Result<Response> {
    let path = request.uri().path().replace("%3A", ":");
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|path| path.split_once('/')) else {
        return Ok(respond(Reply::error(404, "Not Found")));
    };
    // Telegram's test servers: the sandbox is one for whoever asks.
    let method = method.strip_prefix("test/").unwrap_or(method);
    if let Some(refusal) = refused_token(token) {
        return Ok(respond(refusal));
    }
    let mut params = Params::default();
    params.read_form(request.uri().query().unwrap_or_default().as_bytes());
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let Ok(body) = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await else {
        return Ok(respond(Reply::error(413, "Request Entity Too Large: too many parameters")));
    };
    params.read(&content_type, &body);

    let (call, fault) = shared.change(|world, now| {
        let call = world.calls.push(received(now, method, &params, false));
        (call, world.faults.take(method))
    });
    let Some(fault) = fault else {
        let reply = perform(shared, method, &params).await;
        note_code(shared, call, reply.code);
        return Ok(respond(reply));
    };
    go_wrong(shared, call, fault, method, &params).await
}

/// Answers as a fault wants it.
async fn go_wrong(
    shared: &Arc<Shared>,
    call: u64,
    fault: Answer,
    method: &str,
    params: &Params,
) -> io::Result<Response> {
    let no_answer = || Err(io::Error::other("closed as scripted"));
    let response = match fault {
        Answer::Status { code, description, retry_after } => respond(match retry_after {
            Some(seconds) => Reply::later(code, &description, seconds),
            None => Reply::error(code, description),
        }),
        Answer::Html(code) => {
            let page = format!("<html>\r\n<head><title>{code}</title></head>\r\n<body>nginx</body>\r\n</html>\r\n");
            with_status(code, "text/html", page.into())
        }
        Answer::Hang => {
            shared.shutdown.soft.cancelled().await;
            return no_answer();
        }
        Answer::Close => return no_answer(),
        Answer::Lost => {
            perform(shared, method, params).await;
            return no_answer();
        }
        Answer::Slow(wait) => {
            let reply = perform(shared, method, params).await;
            shared.clock.sleep(wait).await;
            respond(reply)
        }
        Answer::Garbage => {
            let reply = perform(shared, method, params).await;
            let half = reply.body.len() / 2;
            respond(Reply { code: 200, body: reply.body.into_iter().take(half).collect(), retry_after: None })
        }
    };
    note_code(shared, call, response.status().as_u16());
    Ok(response)
}

/// Carries out a method call that came in the webhook's answer; nobody learns what came of it.
pub(super) fn call_in_answer(world: &mut World, now: Timestamp, mut params: Params) {
    let Some(Value::String(method)) = params.0.remove("method") else { return };
    let name = method.to_ascii_lowercase();
    let ignored = matches!(name.as_str(), "" | "deletewebhook" | "setwebhook" | "close" | "logout");
    if ignored || name.starts_with("get") {
        return;
    }
    let mut call = received(now, &method, &params, true);
    call.code = Some(world.perform(now, &name, &params).code);
    world.calls.push(call);
}

async fn perform(shared: &Arc<Shared>, method: &str, params: &Params) -> Reply {
    let method = method.to_ascii_lowercase();
    match method.as_str() {
        "setwebhook" => set_webhook(shared, params).await,
        "getupdates" => conflicts::get_updates(shared, params).await,
        _ => shared.change(|world, now| world.perform(now, &method, params)),
    }
}

async fn set_webhook(shared: &Arc<Shared>, params: &Params) -> Reply {
    let plan = match shared.change(|world, now| world.set_webhook(now, params)) {
        Begun::Answer(reply) => return reply,
        Begun::Check(plan) => plan,
    };
    // On a task of its own, so that it ends even if the caller does not wait for it.
    let checked = shared.shutdown.tasks.spawn(check_webhook(Arc::clone(shared), plan));
    checked.await.unwrap_or_else(|_| Reply::error(500, "Internal Server Error: restart"))
}

async fn check_webhook(shared: Arc<Shared>, plan: Box<Plan>) -> Reply {
    let found = tokio::select! {
        biased;
        () = plan.terminated.cancelled() => None,
        found = resolve(plan.target.clone()) => Some(found),
    };
    let finished = shared.change(|world, now| match found {
        Some(found) if !plan.terminated.is_cancelled() => Ok(world.finish_webhook(*plan, found)),
        _ => Err(world.conflict(now, "Conflict: terminated by other setWebhook")),
    });
    match finished {
        Ok(Ok(actor)) => {
            shared.start_sender(actor);
            Reply::done("Webhook was set")
        }
        Ok(Err(reply)) => reply,
        Err(conflict) => shared.held_back(conflict).await,
    }
}

/// Asks the name server where the target has no address yet.
async fn resolve(mut target: Target) -> Result<Target, String> {
    if target.addr.is_none() {
        let unknown = || "Name or service not known".to_owned();
        let addrs = tokio::net::lookup_host((target.host(), target.port())).await.or(Err(unknown()))?;
        let addr = addrs.min_by_key(SocketAddr::is_ipv6).ok_or_else(unknown)?;
        target.resolved(addr.ip());
    }
    Ok(target)
}

/// What is wrong with a token (`ClientManager.cpp`: `send`).
fn refused_token(token: &str) -> Option<Reply> {
    let invalid = Some(Reply::error(401, "Unauthorized: invalid token specified"));
    let Some((id, hash)) = token.split_once(':').filter(|_| token.len() <= 80 && !token.starts_with('0')) else {
        return invalid;
    };
    if id.parse::<u64>().is_err() {
        return Some(Reply::error(421, "Misdirected Request: unallowed token specified"));
    }
    let base64url = hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if hash.len() < 24 || !base64url {
        return invalid;
    }
    (token != TOKEN).then(|| Reply::error(401, "Unauthorized"))
}

fn received(at: Timestamp, method: &str, params: &Params, in_webhook_answer: bool) -> ReceivedCall {
    let mut params = params.0.clone();
    if let Some(secret) = params.get_mut("secret_token") {
        *secret = Value::from("(not shown)");
    }
    ReceivedCall { at, method: method.to_owned(), params, code: None, in_webhook_answer }
}

fn note_code(shared: &Shared, call: u64, code: u16) {
    shared.change(|world, _| {
        if let Some(call) = world.calls.find(call) {
            call.code = Some(code);
        }
    });
}

fn respond(reply: Reply) -> Response {
    let mut response = with_status(reply.code, "application/json", reply.body);
    if let Some(seconds) = reply.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn with_status(code: u16, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
