//! The steps of an update's trail as sentences, which the console and the chat page of the sandbox share.

use std::fmt::Write;
use std::time::Duration;

use super::language::Language;
use crate::trail::{Event, KNOWN};

/// A step in words.
pub struct StepText {
    /// `ok`, `warn`, `bad` or `faint`.
    pub class: &'static str,
    /// What happened.
    pub text: String,
    /// The reason as in the log: in English.
    pub detail: Option<String>,
}

/// What happened in a step.
#[must_use]
pub fn step_text(event: &Event, language: Language) -> StepText {
    let took = |took: &Duration| milliseconds(took.as_secs_f64() * 1_000.0, language);
    let pick = |english: &'static str, russian: &'static str| language.pick(english, russian);
    let (class, text, detail) = match event {
        Event::Stored { kind, bytes, took: time, .. } => (
            "ok",
            match language {
                Language::English => format!("stored ({kind}, {bytes} bytes) and answered with 200 in {}", took(time)),
                Language::Russian => format!("сохранено ({kind}, {bytes} байт), ответ 200 за {}", took(time)),
            },
            None,
        ),
        Event::Known => {
            let text = pick(KNOWN, "доставлено повторно: номер известен, ответ 200 и больше ничего");
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
    StepText { class, text, detail }
}

/// A short duration in milliseconds: `0.35 ms`, `12 ms`, `1.2 s`.
#[must_use]
pub fn milliseconds(ms: f64, language: Language) -> String {
    match ms {
        _ if ms >= 1_000.0 => format!("{:.1} {}", ms / 1_000.0, language.pick("s", "с")),
        _ if ms >= 10.0 => format!("{ms:.0} {}", language.pick("ms", "мс")),
        _ => format!("{ms:.2} {}", language.pick("ms", "мс")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_duration_keeps_what_matters() {
        let shown = [0.349, 12.4, 1_234.0].map(|ms| milliseconds(ms, Language::English));
        assert_eq!(shown, ["0.35 ms", "12 ms", "1.2 s"]);
    }
}
