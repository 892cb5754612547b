//! The Bot API over HTTP: `/bot<token>/<method>`, with parameters in any form that Telegram accepts.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::Method as Verb;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;

use super::api_response::{ApiResponse, with_status};
use super::bot::TOKEN;
use super::methods::updates::{self, GetUpdates};
use super::methods::webhook::{self, PendingWebhook, SetWebhook};
use super::methods::{self, Method};
use super::records::ReceivedCall;
use super::sender;
use super::shared::Shared;
use super::state::faults::FaultKind;
use super::state::polling::Conflict;
use super::state::target::Target;
use crate::telegram::Params;
use crate::telegram::percent_decoded;

/// The maximum size of the parameters without files.
const MAX_PARAMS: usize = 1 << 20;
/// The maximum size of a multipart body, which may have files.
const MAX_MULTIPART: usize = 50 << 20;
const MAX_FILES: usize = 50;

/// Answers one request. An error closes the connection without a response.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request) -> io::Result<Response> {
    let path = percent_decoded(request.uri().path());
    if let Some(path) = path.strip_prefix("/file") {
        return Ok(download(shared, path));
    }
    let Some((token, method)) = token_and_rest(&path) else {
        return Ok(ApiResponse::error(404, "Not Found").into_response());
    };
    // Telegram's test environment has this prefix; the sandbox accepts it too.
    let method = method.strip_prefix("test/").unwrap_or(method);
    if let Some(refusal) = check_token(token) {
        return Ok(refusal.into_response());
    }
    if !matches!(*request.method(), Verb::GET | Verb::POST) {
        return Ok(ApiResponse::error(501, "Unsupported method").into_response());
    }
    let params = match read_params(request).await {
        Ok(params) => params,
        Err(refusal) => return Ok(refusal.into_response()),
    };
    let named = params.text("method").filter(|_| method.is_empty()).map(Cow::into_owned);
    let method = named.as_deref().unwrap_or(method);

    let (call, fault) = shared.change(|state, now| {
        let call = state.calls.push(ReceivedCall::new(now, method, &params, false));
        (call, state.faults.take(method))
    });
    let response = match fault {
        Some(fault) => fail(shared, fault, method, &params).await?,
        None => execute(shared, method, &params).await.into_response(),
    };
    let (parts, body) = response.into_parts();
    let body = Bytes::from(read_body(body, usize::MAX).await.unwrap_or_default());
    shared.change(|state, now| {
        if let Some(call) = state.calls.get_mut(call) {
            call.answered(now, parts.status.as_u16(), Some(body.clone()));
        }
    });
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The token and what follows it in a path such as `/bot<token>/<method>`.
fn token_and_rest(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("/bot")?.split_once('/')
}

/// Reads the parameters: first those of the query, then those of the body, which a GET can have too.
async fn read_params(request: Request) -> Result<Params, ApiResponse> {
    let too_large = |what: &str| ApiResponse::error(413, format!("Request Entity Too Large: {what}"));
    let mut params = Params::default();
    params.read_form(request.uri().query().unwrap_or_default().as_bytes());
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let is_multipart = content_type.to_ascii_lowercase().contains("multipart/form-data");
    let (limit, what) =
        if is_multipart { (MAX_MULTIPART, "file is too big") } else { (MAX_PARAMS, "too many parameters") };
    let body = read_body(request.into_body(), limit).await.ok_or_else(|| too_large(what))?;
    params.read(&content_type, &body);
    match params.size() {
        (files, _) if files > MAX_FILES => Err(too_large("too many files attached")),
        (_, bytes) if bytes > MAX_PARAMS => Err(too_large("too many parameters")),
        _ => Ok(params),
    }
}

/// Reads a body, or returns none if it is larger than `limit` or cut. A body that is too large is read to its end,
/// because most clients read no response before they have sent everything.
async fn read_body(body: Body, limit: usize) -> Option<Vec<u8>> {
    let mut chunks = body.into_data_stream();
    let (mut read, mut fits) = (Vec::new(), true);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.ok()?;
        fits &= read.len() + chunk.len() <= limit;
        if fits {
            read.extend_from_slice(&chunk);
        }
    }
    fits.then_some(read)
}

/// Answers a request for a file, `/bot<token>/<path>`.
fn download(shared: &Shared, path: &str) -> Response {
    let not_found = || ApiResponse::error(404, "Not Found").into_response();
    let Some((token, path)) = token_and_rest(path) else { return not_found() };
    if let Some(refusal) = check_token(token) {
        return refusal.into_response();
    }
    let content = shared.lock().files.at(path).map(|file| file.content.clone());
    content.map_or_else(not_found, |content| with_status(200, "application/octet-stream", content))
}

/// Answers a call as the fault says.
async fn fail(shared: &Arc<Shared>, fault: FaultKind, method: &str, params: &Params) -> io::Result<Response> {
    let no_response = || Err(io::Error::other("closed by a fault of the sandbox"));
    match fault {
        FaultKind::Status { code, description, retry_after: Some(seconds) } => {
            Ok(ApiResponse::retry_after(code, &description, seconds).into_response())
        }
        FaultKind::Status { code, description, retry_after: None } => {
            Ok(ApiResponse::error(code, description).into_response())
        }
        FaultKind::Html(code) => {
            let page = format!("<html>\r\n<head><title>{code}</title></head>\r\n<body>nginx</body>\r\n</html>\r\n");
            Ok(with_status(code, "text/html", page))
        }
        FaultKind::Hang => {
            shared.shutdown.soft.cancelled().await;
            no_response()
        }
        FaultKind::Close => no_response(),
        FaultKind::Lost => {
            execute(shared, method, params).await;
            no_response()
        }
        FaultKind::Slow(delay) => {
            let response = execute(shared, method, params).await;
            shared.clock.sleep(delay).await;
            Ok(response.into_response())
        }
        FaultKind::Garbage => {
            let mut body = execute(shared, method, params).await.body;
            body.truncate(body.len() / 2);
            Ok(with_status(200, "application/json", body))
        }
    }
}

async fn execute(shared: &Arc<Shared>, method: &str, params: &Params) -> ApiResponse {
    match methods::find(method).map(|row| row.method) {
        Some(Method::SetWebhook) => set_webhook(shared, params).await,
        Some(Method::GetUpdates) => get_updates(shared, params).await,
        _ => shared.change(|state, now| methods::execute(state, now, method, params)),
    }
}

async fn set_webhook(shared: &Arc<Shared>, params: &Params) -> ApiResponse {
    let pending = match shared.change(|state, now| webhook::begin_set(state, now, params)) {
        SetWebhook::Done(response) => return response,
        SetWebhook::Resolve(pending) => pending,
    };
    // A task of its own, so that the webhook is set even if the caller closes the connection.
    let finished = shared.shutdown.tasks.spawn(finish_webhook(Arc::clone(shared), pending));
    finished.await.unwrap_or_else(|_| ApiResponse::error(500, "Internal Server Error: restart"))
}

async fn finish_webhook(shared: Arc<Shared>, pending: Box<PendingWebhook>) -> ApiResponse {
    let resolved = tokio::select! {
        biased;
        () = pending.cancelled.cancelled() => None,
        resolved = resolve(pending.target.clone()) => Some(resolved),
    };
    let finished = shared.change(|state, now| match resolved {
        Some(resolved) if !pending.cancelled.is_cancelled() => Ok(webhook::finish_set(state, *pending, resolved)),
        _ => Err(state.polling.conflict(now, "Conflict: terminated by other setWebhook")),
    });
    match finished {
        Ok(Ok(handle)) => {
            sender::start(&shared, handle);
            ApiResponse::done("Webhook was set")
        }
        Ok(Err(refusal)) => refusal,
        Err(conflict) => delayed(&shared, conflict).await,
    }
}

/// Resolves the host name of a target that has no address yet. The error is the text that Telegram returns.
async fn resolve(mut target: Target) -> Result<Target, String> {
    if target.addr.is_none() {
        let unknown = || "Name or service not known".to_owned();
        let addrs = tokio::net::lookup_host((target.host(), target.port())).await.or(Err(unknown()))?;
        let addr = addrs.min_by_key(SocketAddr::is_ipv6).ok_or_else(unknown)?;
        target.set_ip(addr.ip());
    }
    Ok(target)
}

async fn get_updates(shared: &Shared, params: &Params) -> ApiResponse {
    let (timeout, limit, ended) = match shared.change(|state, now| updates::begin_get(state, now, params)) {
        GetUpdates::Done(response) => return response,
        GetUpdates::Conflict(conflict) => return delayed(shared, conflict).await,
        GetUpdates::Wait { timeout, limit, ended } => (timeout, limit, ended),
    };
    tokio::select! {
        biased;
        response = shared.wait_for(|| updates::pending(&shared.lock(), limit)) => response,
        Ok(conflict) = ended => delayed(shared, conflict).await,
        () = shared.clock.sleep(timeout) => updates::updates(&shared.lock(), limit),
        () = shared.shutdown.soft.cancelled() => ApiResponse::error(500, "Internal Server Error: restart"),
    }
}

async fn delayed(shared: &Shared, Conflict { response, delay }: Conflict) -> ApiResponse {
    if !delay.is_zero() {
        shared.clock.sleep(delay).await;
    }
    response
}

/// Refuses a wrong token as Telegram does (`ClientManager.cpp`: `send`).
fn check_token(token: &str) -> Option<ApiResponse> {
    let invalid = Some(ApiResponse::error(401, "Unauthorized: invalid token specified"));
    let Some((id, hash)) = token.split_once(':').filter(|_| token.len() <= 80 && !token.starts_with('0')) else {
        return invalid;
    };
    if id.parse::<u64>().is_err() {
        return Some(ApiResponse::error(421, "Misdirected Request: unallowed token specified"));
    }
    let is_base64url = hash.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if hash.len() < 24 || !is_base64url {
        return invalid;
    }
    (token != TOKEN).then(|| ApiResponse::error(401, "Unauthorized"))
}

#[cfg(test)]
mod tests;
