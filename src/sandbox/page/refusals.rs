//! The calls that Telegram has refused, whatever chat is open: a bot that misuses the Bot API shows nothing in its chat.

use serde::Serialize;
use serde_json::Value;

use super::markup::visible;
use super::time::Time;
use crate::humanize::shortened;
use crate::sandbox::records::ReceivedCall;
use crate::sandbox::service_view::ServiceView;
use crate::sandbox::state::State;

/// The most refusals that are shown, and the calls among which they are looked for.
const MOST: usize = 5;
const SEARCHED: usize = 1_000;
/// The most characters of a description.
const SHOWN: usize = 300;

/// A call that was refused.
#[derive(Serialize)]
pub(super) struct Refusal {
    pub(super) at: Time,
    pub(super) method: String,
    pub(super) code: u16,
    /// The reason in Telegram's words.
    pub(super) description: String,
    /// What it means and what to do, if this is known.
    pub(super) explanation: Option<String>,
}

/// The latest refusals, the newest first. What a scenario does in the name of another program has no answer and is left out.
pub(super) fn list(state: &State, service: &ServiceView) -> Vec<Refusal> {
    let latest = state.calls.iter().rev().take(SEARCHED);
    latest.filter_map(|call| refusal(call, service)).take(MOST).collect()
}

fn refusal(call: &ReceivedCall, service: &ServiceView) -> Option<Refusal> {
    let code = call.code.filter(|code| *code >= 400)?;
    let answer = call.answer.as_ref()?;
    let json: Value = serde_json::from_slice(answer).unwrap_or_default();
    let text = json["description"].as_str().map_or_else(|| String::from_utf8_lossy(answer).into_owned(), str::to_owned);
    let clean = |text: &str| shortened(&text.chars().map(visible).collect::<String>(), SHOWN);
    Some(Refusal {
        at: Time::of(call.at),
        method: clean(&call.method),
        code,
        explanation: service.explain.and_then(|explain| explain(&text)),
        description: clean(&text),
    })
}
