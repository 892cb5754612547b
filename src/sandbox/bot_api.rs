//! The Bot API over HTTP: `/bot<token>/<method>`, with parameters in any form that Telegram accepts.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::api_response::{ApiResponse, with_status};
use super::bot::TOKEN;
use super::methods::updates::{self, GetUpdates};
use super::methods::webhook::{self, PendingWebhook, SetWebhook};
use super::methods::{self, Method};
use super::params::Params;
use super::records::ReceivedCall;
use super::sender;
use super::shared::Shared;
use super::state::faults::FaultKind;
use super::state::polling::Conflict;
use super::state::target::Target;

/// The maximum size of a request body.
const MAX_BODY: usize = 1 << 20;

/// Answers one request. An error closes the connection without a response.
pub(super) async fn answer(shared: &Arc<Shared>, request: Request) -> io::Result<Response> {
    let path = request.uri().path().replace("%3A", ":");
    let Some((token, method)) = path.strip_prefix("/bot").and_then(|path| path.split_once('/')) else {
        return Ok(ApiResponse::error(404, "Not Found").into_response());
    };
    // Telegram's test environment has this prefix; the sandbox accepts it too.
    let method = method.strip_prefix("test/").unwrap_or(method);
    if let Some(refusal) = check_token(token) {
        return Ok(refusal.into_response());
    }
    let mut params = Params::default();
    params.read_form(request.uri().query().unwrap_or_default().as_bytes());
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let Ok(body) = axum::body::to_bytes(request.into_body(), MAX_BODY).await else {
        return Ok(ApiResponse::error(413, "Request Entity Too Large: too many parameters").into_response());
    };
    params.read(&content_type, &body);

    let (call, fault) = shared.change(|state, now| {
        let call = state.calls.push(ReceivedCall::new(now, method, &params, false));
        (call, state.faults.take(method))
    });
    let response = match fault {
        Some(fault) => fail(shared, fault, method, &params).await?,
        None => execute(shared, method, &params).await.into_response(),
    };
    shared.change(|state, _| {
        if let Some(call) = state.calls.get_mut(call) {
            call.code = Some(response.status().as_u16());
        }
    });
    Ok(response)
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
    match methods::find(method) {
        Some(Method::SetWebhook) => set_webhook(shared, params).await,
        Some(Method::GetUpdates) => get_updates(shared, params).await,
        Some(
            Method::Run(_) | Method::RunInfallible(_) | Method::SendMedia(_) | Method::Accept | Method::DeleteWebhook,
        )
        | None => shared.change(|state, now| methods::execute(state, now, method, params)),
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
