//! `setWebhook`, `deleteWebhook` and `getWebhookInfo`, with their effects in Telegram's order: a `setWebhook`
//! that fails leaves no webhook behind (`Client.cpp`: `process_set_webhook_query`, `do_set_webhook`,
//! `finish_set_webhook`).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::call::ApiCall;
use crate::clock;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::target::Target;
use crate::sandbox::state::webhook::{SenderHandle, WebhookRequest};
use crate::sandbox::state::{State, received_by_default};
use crate::telegram::Params;
use crate::update::Kind;

/// The public Bot API's number of connections for a call that names none.
const DEFAULT_CONNECTIONS: u32 = 40;
/// `setWebhook` is accepted once in this time.
const SET_INTERVAL: Duration = Duration::from_secs(1);

/// The first step of `setWebhook`.
#[derive(Debug)]
pub(crate) enum SetWebhook {
    /// The call is answered.
    Done(ApiResponse),
    /// The host name must be resolved, then [`finish_set`] ends the call.
    Resolve(Box<PendingWebhook>),
}

/// A `setWebhook` whose host name must be resolved.
#[derive(Debug)]
pub(crate) struct PendingWebhook {
    pub(crate) target: Target,
    request: WebhookRequest,
    /// Cancelled by the next `setWebhook` or `deleteWebhook`.
    pub(crate) cancelled: CancellationToken,
}

/// Begins a `setWebhook`.
pub(crate) fn begin_set(state: &mut State, now: Timestamp, params: &Params) -> SetWebhook {
    let request = read(params);
    if request.url.is_empty() {
        return SetWebhook::Done(delete(state, params));
    }
    if now < state.set_webhook_from {
        return SetWebhook::Done(ApiResponse::too_many_requests(1));
    }
    state.set_webhook_from = clock::later(now, SET_INTERVAL);
    let drop_pending = params.flag("drop_pending_updates");
    if let Some(pending) = state.pending_webhook.take() {
        pending.cancel();
    } else if state.webhook.as_ref().is_some_and(|webhook| webhook.is_set_by(&request)) && !drop_pending {
        set_allowed_updates(state, params);
        return SetWebhook::Done(ApiResponse::done("Webhook is already set"));
    }
    state.polling.end_long_poll(now, "Conflict: terminated by setWebhook request");
    state.erase_webhook();
    if drop_pending {
        state.backlog.clear();
    }
    match check(state, &request) {
        Ok(target) => {
            set_allowed_updates(state, params);
            let cancelled = CancellationToken::new();
            state.pending_webhook = Some(cancelled.clone());
            SetWebhook::Resolve(Box::new(PendingWebhook { target, request, cancelled }))
        }
        Err(refusal) => SetWebhook::Done(refusal),
    }
}

/// Sets the webhook whose host was resolved, or refuses it. The caller must start the sender.
pub(crate) fn finish_set(
    state: &mut State,
    pending: PendingWebhook,
    resolved: Result<Target, String>,
) -> Result<Arc<SenderHandle>, ApiResponse> {
    state.pending_webhook = None;
    let target = resolved.map_err(|reason| bad_webhook(&format!("Failed to resolve host: {reason}")))?;
    if let Some(problem) = target.address_problem().filter(|_| state.strict) {
        return Err(bad_webhook(&problem));
    }
    Ok(state.install_webhook(pending.request, target))
}

pub(crate) fn delete(state: &mut State, params: &Params) -> ApiResponse {
    if let Some(pending) = state.pending_webhook.take() {
        pending.cancel();
    }
    let was_set = state.erase_webhook();
    if params.flag("drop_pending_updates") {
        state.backlog.clear();
    }
    ApiResponse::done(if was_set { "Webhook was deleted" } else { "Webhook is already deleted" })
}

pub(crate) fn info(state: &mut State, _: &ApiCall<'_>) -> Value {
    let mut info = json!({"url": "", "has_custom_certificate": false, "pending_update_count": state.backlog.len()});
    if let Some(webhook) = &state.webhook {
        info["url"] = json!(webhook.request.url);
        info["has_custom_certificate"] = json!(webhook.request.has_certificate);
        info["max_connections"] = json!(webhook.request.max_connections);
        let ip = webhook.sender.target.ip.map_or_else(|| "<unknown>".to_owned(), |ip| ip.to_string());
        info["ip_address"] = json!(ip);
        if let Some((at, message)) = &webhook.last_error {
            info["last_error_date"] = json!(at.as_second());
            info["last_error_message"] = json!(message);
        }
    }
    if let Some(allowed) = &state.allowed_updates {
        info["allowed_updates"] = json!(allowed);
    }
    info
}

/// Sets `allowed_updates`, unless the call has no valid list of names.
pub(crate) fn set_allowed_updates(state: &mut State, params: &Params) {
    let Some(Ok(Value::Array(names))) = params.json("allowed_updates") else { return };
    let Some(names) = names.iter().map(Value::as_str).collect::<Option<Vec<_>>>() else { return };
    let is_named = |kind: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(kind));
    let allowed: Vec<String> = Kind::known().filter(is_named).map(str::to_owned).collect();
    let is_default = Kind::known().all(|kind| allowed.iter().any(|name| name == kind) == received_by_default(kind));
    state.allowed_updates = (!allowed.is_empty() && !is_default).then_some(allowed);
}

fn read(params: &Params) -> WebhookRequest {
    let text = |name| params.text(name).filter(|text| !text.is_empty()).map(Cow::into_owned);
    // Telegram reads anything that is not a number, and any number below 1, as 1.
    let connections = text("max_connections").map(|text| text.parse().unwrap_or(1_i64).clamp(1, 100));
    WebhookRequest {
        url: text("url").unwrap_or_default(),
        secret: text("secret_token"),
        max_connections: connections.and_then(|n| u32::try_from(n).ok()).unwrap_or(DEFAULT_CONNECTIONS),
        ip_address: text("ip_address"),
        has_certificate: text("certificate").is_some(),
    }
}

/// The checks that need no name server.
fn check(state: &State, request: &WebhookRequest) -> Result<Target, ApiResponse> {
    let invalid_url = || ApiResponse::bad_request("invalid webhook URL specified");
    let mut target = Target::parse(&request.url).ok_or_else(invalid_url)?;
    let secret = request.secret.as_deref().unwrap_or_default();
    if secret.len() > 256 {
        return Err(ApiResponse::bad_request("secret token is too long"));
    }
    if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        return Err(ApiResponse::bad_request("secret token contains unallowed characters"));
    }
    if let Some(problem) = target.url_problem().filter(|_| state.strict) {
        return Err(bad_webhook(problem));
    }
    if !target.resolve_locally(&state.routes)
        && let Some(ip) = &request.ip_address
    {
        let ip: IpAddr = ip.parse().or(Err(bad_webhook("Invalid IP address specified")))?;
        target.set_ip(ip);
    }
    Ok(target)
}

fn bad_webhook(reason: &str) -> ApiResponse {
    ApiResponse::bad_request(&format!("bad webhook: {reason}"))
}

#[cfg(test)]
mod tests;
