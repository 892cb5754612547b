//! Builds the request for an update: what Telegram would send, and a few headers of this service.

use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::Full;

use super::destination::Destination;
use crate::handler::{Context, Trigger};
use crate::telegram::{BotId, SECRET_HEADER};
use crate::update::Update;

/// Python frameworks compare the type byte by byte, without parameters.
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// The most headers that a request has without those of the operator.
const OWN_HEADERS: usize = 10;
const HTTPS: HeaderValue = HeaderValue::from_static("https");

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const ATTEMPT: HeaderName = HeaderName::from_static("x-doorbell-attempt");
const TRIGGER: HeaderName = HeaderName::from_static("x-doorbell-trigger");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Headers that belong to the connection, which the operator's headers cannot change.
const OF_THE_CONNECTION: [HeaderName; 7] =
    [CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The operator's headers that are sent.
pub(super) fn allowed(mut headers: HeaderMap) -> HeaderMap {
    for name in OF_THE_CONNECTION.into_iter().chain([HOST, CONTENT_TYPE]) {
        headers.remove(name);
    }
    headers.remove(SECRET_HEADER);
    headers
}

/// The request for one attempt at an update.
pub(super) fn request(
    to: &Destination,
    bot: BotId,
    update: &Update,
    context: &Context<'_>,
    operators: &HeaderMap,
) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(update.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = to.uri.clone();
    let headers = request.headers_mut();
    headers.reserve(OWN_HEADERS + operators.len());
    headers.insert(HOST, to.host.clone());
    for (name, value) in operators {
        headers.append(name, value.clone());
    }
    if let Some(authorization) = &to.authorization {
        headers.entry(AUTHORIZATION).or_insert_with(|| authorization.clone());
    }
    if let Some(secret) = &to.secret {
        headers.insert(SECRET_HEADER, secret.clone());
    }
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(update.body.len()));
    headers.insert(FORWARDED_PROTO, HTTPS);
    let trigger = match context.trigger {
        Trigger::First => "first",
        Trigger::Retry => "retry",
        Trigger::Replay => "replay",
    };
    headers.insert(ATTEMPT, HeaderValue::from(context.attempt));
    headers.insert(TRIGGER, HeaderValue::from_static(trigger));
    if let Ok(key) = HeaderValue::try_from(format!("{}-{}", bot.0, update.id.0)) {
        headers.insert(IDEMPOTENCY_KEY, key);
    }
    if let Some(traceparent) = &context.traceparent {
        continue_trace(&mut request, traceparent);
    }
    request
}

/// Names the span that the bot continues.
pub(super) fn continue_trace<B>(request: &mut Request<B>, traceparent: &str) {
    if let Ok(traceparent) = HeaderValue::from_str(traceparent) {
        request.headers_mut().insert(TRACEPARENT, traceparent);
    }
}
