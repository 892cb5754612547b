//! A 429 that passes tells how long Doorbell's own calls must wait too.

use std::time::Duration;

use axum::body::{self, Body};
use axum::response::Response;
use http::StatusCode;
use http::header::RETRY_AFTER;
use hyper::body::Body as _;
use serde::Deserialize;

use super::refusal::Refusal;
use crate::telegram::Params;
use crate::telegram::{Call, Throttles};

/// A 429 is far smaller.
const LARGEST: usize = 64 * 1024;
/// The longest wait that is believed.
const LONGEST: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
struct TooManyRequests {
    parameters: Parameters,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: u64,
}

/// The call of the bot that was answered with 429.
pub(super) struct Throttled<'a> {
    pub(super) method: &'a str,
    pub(super) query: Option<&'a str>,
    pub(super) content_type: &'a str,
    /// The start of its body.
    pub(super) start: Vec<u8>,
}

/// Notes the wait that the answer asks for, and returns the answer unchanged.
///
/// # Errors
///
/// The response if the answer broke off. The call was not carried out.
pub(super) async fn note(call: &Throttled<'_>, answer: Response, throttles: &Throttles) -> Result<Response, Refusal> {
    let (head, body) = answer.into_parts();
    let header = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let is_small = body.size_hint().upper().is_some_and(|length| length <= LARGEST as u64);
    let (seconds, body) = if is_small {
        let bytes = body::to_bytes(body, LARGEST).await.or(Err(broken()))?;
        let read: Option<TooManyRequests> = serde_json::from_slice(&bytes).ok();
        (read.map(|read| read.parameters.retry_after).or(header), Body::from(bytes))
    } else {
        (header, body)
    };
    if let Some(seconds) = seconds {
        throttles.note(&call.as_call(), Duration::from_secs(seconds).min(LONGEST));
    }
    Ok(Response::from_parts(head, body))
}

fn broken() -> Refusal {
    Refusal::new(StatusCode::BAD_GATEWAY, "Bad Gateway: the answer of Telegram broke off. The call was not carried out")
}

impl Throttled<'_> {
    /// The method and the chat, as the rate limits know them.
    fn as_call(&self) -> Call {
        let mut params = Params::of_query(self.query);
        params.read(self.content_type, &self.start);
        let call = Call::new(self.method);
        match params.text("chat_id") {
            Some(chat) => call.with("chat_id", chat.into_owned()),
            None => call,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn chat(query: Option<&str>, content_type: &'static str, start: &str) -> Option<Value> {
        let call = Throttled { method: "sendMessage", query, content_type, start: start.as_bytes().to_vec() };
        call.as_call().params.get("chat_id").cloned()
    }

    #[test]
    fn the_chat_is_found_in_every_form_even_if_the_body_is_cut_off() {
        let form = "application/x-www-form-urlencoded";
        let multipart = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--X\r\nContent-Dis";
        assert_eq!(chat(Some("chat_id=7"), form, "chat_id=8"), Some(json!("7")));
        assert_eq!(chat(None, form, "chat_id=7&text=a"), Some(json!("7")));
        assert_eq!(chat(None, "application/json", r#"{"chat_id":7,"text":"a"#), Some(json!("7")));
        assert_eq!(chat(None, "multipart/form-data; boundary=X", multipart), Some(json!("7")));
        assert_eq!(chat(None, "application/json", "{"), None);
    }
}
