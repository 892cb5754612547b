//! Reads the bot's answer to an update, and decides what it means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};

use super::destination::Destination;
use super::misconfigured;
use super::reply::{self, Form};
use super::trouble::Trouble;
use crate::clock::SharedClock;
use crate::telegram::Call;

/// How much of an answer that is not needed is read, so that its connection can be used again.
const SKIPPED: u64 = 64 * 1024;
/// How much of a refusal is read, to recognise the framework.
const EXCERPT: usize = 4 * 1024;
/// How long the rest of an answer is waited for whose status says everything.
const REST: Duration = Duration::from_secs(1);
/// The wait after a 429 that names none.
const WAIT: Duration = Duration::from_secs(1);
/// The longest wait that is obeyed. A bot that asks for more may have meant milliseconds.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// What an exchange with the bot means for the update.
pub(super) enum Answer {
    /// The bot has taken it, and perhaps answered with a call.
    Taken(Option<Box<Call>>),
    /// The bot failed.
    Failed(String),
    /// The connection was cut before the answer was complete.
    Cut,
    /// The bot did not answer in time.
    TimedOut,
    /// The bot takes no updates.
    Trouble(Trouble),
}

/// Reads an answer. A body that is not needed is not kept.
pub(super) async fn read(response: Response<Incoming>, sent: &Destination, clock: &SharedClock) -> Answer {
    let (head, body) = response.into_parts();
    let status = head.status;
    if status.is_success() {
        return taken(&head, body, clock).await;
    }
    match status.as_u16() {
        429 => {
            let retry_after = retry_after(&head.headers).unwrap_or(WAIT);
            let reason = format!("it answered 429 and asks to wait {} s", retry_after.as_secs());
            Answer::Trouble(Trouble::Throttled { reason, retry_after })
        }
        code @ (502..=504) => {
            let retry_after = retry_after(&head.headers);
            let reason = format!("it answered {code}, as a bot does that starts or stops");
            Answer::Trouble(Trouble::Unavailable { reason, retry_after })
        }
        300..=399 | 401 | 403 | 404 | 405 => {
            let mut begin = BytesMut::new();
            briefly(clock, excerpt(body, &mut begin)).await;
            let excerpt = String::from_utf8_lossy(&begin);
            let sentence = misconfigured::sentence(status, &head.headers, &excerpt, sent);
            Answer::Trouble(Trouble::Misconfigured(sentence))
        }
        code => {
            briefly(clock, skip(body)).await;
            Answer::Failed(failed(status, code))
        }
    }
}

fn failed(status: StatusCode, code: u16) -> String {
    let hint = match status {
        StatusCode::PAYLOAD_TOO_LARGE => ": the update is larger than the bot accepts; raise its limit, up to 1 MiB",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ": it does not accept application/json",
        _ => "",
    };
    format!("it answered {code}{hint}")
}

async fn taken(head: &Parts, body: Incoming, clock: &SharedClock) -> Answer {
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(form) = Form::of(content_type).filter(|_| !body.is_end_stream()) else {
        briefly(clock, skip(body)).await;
        return Answer::Taken(None);
    };
    match whole(body, form.limit()).await {
        Ok(body) => Answer::Taken(reply::call(form, content_type, body).map(Box::new)),
        Err(Unread::Cut) => Answer::Cut,
        Err(Unread::TooLarge) => Answer::Failed(format!(
            "it answered {} with more than {} MiB, which no method can have",
            head.status.as_u16(),
            form.limit() / (1024 * 1024)
        )),
    }
}

/// Why a body was not read.
enum Unread {
    Cut,
    TooLarge,
}

/// The whole body. One that came in one piece, as nearly all do, is not copied.
async fn whole(mut body: Incoming, limit: usize) -> Result<Bytes, Unread> {
    if body.size_hint().lower() > limit as u64 {
        return Err(Unread::TooLarge);
    }
    let (mut first, mut more) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(Unread::Cut) };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + more.len() + data.len() > limit {
            return Err(Unread::TooLarge);
        }
        if first.is_empty() && more.is_empty() {
            first = data;
        } else {
            if more.is_empty() {
                more.extend_from_slice(&std::mem::take(&mut first));
            }
            more.extend_from_slice(&data);
        }
    }
    Ok(if more.is_empty() { first } else { more.freeze() })
}

/// Waits for what remains of an answer whose meaning is known, but not long.
async fn briefly(clock: &SharedClock, rest: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = rest => {}
        () = clock.sleep(REST) => {}
    }
}

/// Reads the beginning of a body.
async fn excerpt(mut body: Incoming, begin: &mut BytesMut) {
    while begin.len() < EXCERPT
        && let Some(Ok(frame)) = body.frame().await
    {
        if let Ok(data) = frame.into_data() {
            begin.extend_from_slice(&data[..data.len().min(EXCERPT - begin.len())]);
        }
    }
}

/// Reads a short body to its end, so that the connection can be used again. A longer one ends the connection: nothing is
/// kept of a body of any size.
async fn skip(mut body: Incoming) {
    let is_short = body.size_hint().exact().is_some_and(|size| size <= SKIPPED);
    while is_short && let Some(Ok(_)) = body.frame().await {}
}

/// The wait that a header asks for, in seconds.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse::<u64>().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}
