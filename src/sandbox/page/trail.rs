//! The way of an update: each attempt to deliver it, what the service did with it, and the calls that followed.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::markup::visible;
use super::sentences::{Line, of_attempt, of_step};
use super::time::{Time, milliseconds};
use super::view::View;
use crate::http::pages::Language;
use crate::sandbox::records::{DeliveryAttempt, DeliveryOutcome, ReceivedCall};
use crate::sandbox::state::State;
use crate::sandbox::state::update_log::LoggedUpdate;
use crate::trail::{Event, Step, Trail};
use crate::update::UpdateId;

/// The most calls that are shown for an update.
const MAX_CALLS: usize = 50;
/// The most characters of JSON that are shown.
const MAX_JSON: usize = 20_000;

/// How far an update came, as a sign beside its message.
pub(super) struct Mark {
    pub(super) sign: &'static str,
    pub(super) label: String,
    pub(super) class: &'static str,
    /// The address that shows its trail; none if the bot does not receive it.
    pub(super) href: Option<String>,
    pub(super) is_selected: bool,
}

impl Mark {
    /// The mark of an update with its latest attempt.
    pub(super) fn of(
        update: Option<UpdateId>,
        latest: Option<&DeliveryAttempt>,
        view: &View,
        language: Language,
    ) -> Self {
        let outcome = latest.map(|attempt| &attempt.outcome);
        let (sign, class, label) = match (update, outcome) {
            (None, _) => (
                "∅",
                "warn",
                language
                    .pick("not sent: the bot does not ask for it", "не отправлено: бот не запрашивает такие обновления")
                    .to_owned(),
            ),
            (_, None) => ("○", "faint", language.pick("waits at Telegram", "ждёт в Telegram").to_owned()),
            (_, Some(DeliveryOutcome::Sent)) => {
                ("◔", "faint", language.pick("is being delivered", "доставляется").to_owned())
            }
            (_, Some(DeliveryOutcome::Status(200..=299))) => {
                ("✓", "ok", language.pick("delivered", "доставлено").to_owned())
            }
            (_, Some(DeliveryOutcome::Status(code))) => {
                ("!", "bad", format!("{} {code}", language.pick("refused with", "отклонено:")))
            }
            (_, Some(DeliveryOutcome::Failed(_) | DeliveryOutcome::Cut)) => {
                ("!", "bad", language.pick("not delivered", "не доставлено").to_owned())
            }
        };
        Self {
            sign,
            class,
            label,
            href: update.map(|id| view.with_update(id.0).href()),
            is_selected: update.is_some_and(|id| view.update == Some(id.0)),
        }
    }
}

/// The trail of one update.
#[derive(Serialize)]
pub(super) struct TrailView {
    pub(super) id: i64,
    pub(super) kind: String,
    pub(super) at: Time,
    pub(super) lines: Vec<Line>,
    pub(super) calls: Vec<CallRow>,
    pub(super) json: String,
    /// Whether the service reports what it does.
    pub(super) has_service: bool,
}

/// A Bot API call that followed an update.
#[derive(Serialize)]
pub(super) struct CallRow {
    pub(super) at: Time,
    pub(super) method: String,
    pub(super) code: String,
    #[serde(skip)]
    pub(super) class: &'static str,
    pub(super) took: String,
    pub(super) in_webhook_answer: bool,
    pub(super) params: String,
    pub(super) answer: Option<String>,
    /// A number by which the page finds the call again.
    #[serde(skip)]
    pub(super) key: i64,
}

/// The trail that the view asks for, or that of the latest update of the chat.
pub(super) fn read(state: &State, trail: &Trail, view: &View, language: Language) -> Option<TrailView> {
    let logged = match view.update {
        Some(id) => state.update_log.get(id)?,
        None => state.update_log.newest_first().find(|logged| logged.update.chat == Some(view.chat))?,
    };
    let steps = trail.of(UpdateId(logged.id)).unwrap_or_default();
    let attempts: Vec<_> = state.deliveries.iter().filter(|attempt| attempt.update_id.0 == logged.id).collect();
    let mut lines: Vec<_> = attempts.iter().map(|attempt| (attempt.at, of_attempt(attempt, language))).collect();
    lines.extend(steps.iter().map(|step| (step.at, of_step(step, language))));
    lines.sort_by_key(|(at, _)| *at);
    let body = logged.update.body(logged.id);
    Some(TrailView {
        id: logged.id,
        kind: logged.update.kind.clone(),
        at: Time::of(logged.at),
        lines: lines.into_iter().map(|(_, line)| line).collect(),
        calls: calls(state, trail, logged, &steps),
        json: pretty(&serde_json::from_slice(&body).unwrap_or_default()),
        has_service: trail.is_on(),
    })
}

/// The calls that belong to an update: those to its chat, or with its query, from its handling until that of the next
/// update of the chat.
fn calls(state: &State, trail: &Trail, logged: &LoggedUpdate, steps: &[Step]) -> Vec<CallRow> {
    let from = started(steps).unwrap_or(logged.at);
    let later = state.update_log.newest_first().take_while(|later| later.id != logged.id);
    let next = later.filter(|later| later.update.chat == logged.update.chat && later.id > logged.id).last();
    let until = next.map(|next| started(&trail.of(UpdateId(next.id)).unwrap_or_default()).unwrap_or(next.at));
    let content: Value = serde_json::from_slice(&logged.update.content).unwrap_or_default();
    let belongs = |call: &&ReceivedCall| {
        let value = |name: &str| {
            call.params.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let is_to_chat =
            value("chat_id").is_some_and(|id| logged.update.chat.is_some_and(|chat| id.trim() == chat.to_string()));
        let query = ["callback_query_id", "inline_query_id"].into_iter().find_map(value);
        let is_answer = query.is_some_and(|query| content["id"] == query.as_str());
        is_answer || (is_to_chat && call.at >= from && until.is_none_or(|until| call.at < until))
    };
    state.calls.iter().filter(belongs).take(MAX_CALLS).map(CallRow::of).collect()
}

/// When the service began to handle an update.
fn started(steps: &[Step]) -> Option<Timestamp> {
    steps.iter().find(|step| matches!(step.event, Event::Started { .. })).map(|step| step.at)
}

impl CallRow {
    fn of(call: &ReceivedCall) -> Self {
        let answer = call
            .answer
            .as_ref()
            .map(|body| serde_json::from_slice(body).map_or_else(|_| text(body), |json| pretty(&json)));
        Self {
            at: Time::of(call.at),
            key: call.at.as_microsecond(),
            method: call.method.clone(),
            code: call.code.map_or_else(|| "…".to_owned(), |code| code.to_string()),
            class: match call.code {
                Some(200..=299) => "ok",
                Some(_) => "bad",
                None => "faint",
            },
            took: call.took.map(milliseconds).unwrap_or_default(),
            in_webhook_answer: call.in_webhook_answer,
            params: pretty(&Value::Object(call.params.clone())),
            answer,
        }
    }
}

/// JSON with line breaks. Very long JSON is cut.
fn pretty(json: &Value) -> String {
    let text: String = serde_json::to_string_pretty(json).unwrap_or_default().chars().map(visible).collect();
    crate::humanize::shortened(&text, MAX_JSON)
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).chars().map(visible).collect()
}
