//! The trail of an update as sentences.

use std::fmt::Write;
use std::time::Duration;

use super::when::{When, milliseconds};
use crate::http::pages::Language;
use crate::trail::{Event, Step};

/// A line of the timeline.
pub(super) struct Moment {
    pub(super) at: When,
    /// `ok`, `warn`, `bad` or `faint`.
    pub(super) class: &'static str,
    pub(super) text: String,
    /// A reason as in the log: in English.
    pub(super) detail: Option<String>,
}

/// The line for a step.
pub(super) fn moment(step: &Step, at: impl Fn(jiff::Timestamp) -> When, language: Language) -> Moment {
    let took = |took: &Duration| milliseconds(took.as_secs_f64() * 1_000.0, language);
    let pick = |english: &'static str, russian: &'static str| language.pick(english, russian);
    let (class, text, detail) = match &step.event {
        Event::Stored { kind, bytes, took: time, .. } => (
            "ok",
            match language {
                Language::English => format!("stored ({kind}, {bytes} bytes) and answered with 200 in {}", took(time)),
                Language::Russian => format!("сохранено ({kind}, {bytes} байт), ответ 200 за {}", took(time)),
            },
            None,
        ),
        Event::Known => {
            let text = pick(
                "delivered again: the id was known, so it was answered with 200 and nothing else",
                "доставлено повторно: номер известен, ответ 200 и больше ничего",
            );
            ("faint", text.to_owned(), None)
        }
        Event::NotStored { reason } => {
            ("bad", pick("not acknowledged", "не подтверждено").to_owned(), Some((*reason).to_owned()))
        }
        Event::Started { attempt } => ("ok", format!("{} {attempt}", pick("attempt", "попытка")), None),
        Event::Handled { calls, took: time } => {
            let calls = language.count(*calls as u64, ["call", "calls"], ["вызов", "вызова", "вызовов"]);
            ("ok", format!("{} ({calls}, {})", pick("the handler returned", "обработчик ответил"), took(time)), None)
        }
        Event::Failed { reason, took: time } => (
            "bad",
            format!("{} ({})", pick("the handler failed", "сбой обработчика"), took(time)),
            Some(reason.clone()),
        ),
        Event::Forwarded { status, outcome, took: time } => {
            let answer = status.map_or_else(
                || pick("your bot gave no answer", "бот не ответил").to_owned(),
                |status| format!("{} {status}", pick("your bot answered", "бот ответил")),
            );
            let class = if status.is_some_and(|status| (200..300).contains(&status)) { "ok" } else { "bad" };
            (class, format!("{answer} ({})", took(time)), Some((*outcome).to_owned()))
        }
        Event::Called { method, outcome, error, took: time } => {
            let class = if *outcome == "ok" { "ok" } else { "warn" };
            (class, format!("{method}: {outcome} ({})", took(time)), error.clone())
        }
        Event::Ended { verdict, reason, next_at } => {
            let mut text = format!("{} {verdict}", pick("the attempt ended:", "попытка закончена:"));
            if let Some(next) = next_at {
                // Writing to a string does not fail.
                let _ = write!(text, ", {} {next:.0}", pick("the next one at", "следующая в"));
            }
            let class = match *verdict {
                "done" => "ok",
                "dead" | "expired" => "bad",
                _ => "warn",
            };
            (class, text, reason.clone())
        }
        Event::Revived => ("ok", pick("put back by the operator", "возвращено в очередь оператором").to_owned(), None),
        Event::Discarded => ("faint", pick("deleted by the operator", "удалено оператором").to_owned(), None),
    };
    Moment { at: at(step.at), class, text, detail }
}
