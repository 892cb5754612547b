//! One sentence for each thing that can happen to an update.

use jiff::Timestamp;

use super::time::{Time, clock, milliseconds};
use crate::http::pages::Language;
use crate::sandbox::records::{DeliveryAttempt, DeliveryOutcome};
use crate::trail::{Event, Step};

/// A line of a trail.
pub(super) struct Line {
    pub(super) at: Time,
    pub(super) text: String,
    pub(super) class: &'static str,
    /// Whether Telegram did it, and not the service.
    pub(super) is_telegram: bool,
}

/// What Telegram did.
pub(super) fn of_attempt(attempt: &DeliveryAttempt, language: Language) -> Line {
    let number = attempt.attempt;
    let took = attempt.took.map(milliseconds).unwrap_or_default();
    let (class, outcome) = match &attempt.outcome {
        DeliveryOutcome::Sent => ("faint", language.pick("no answer yet", "ответа пока нет").to_owned()),
        DeliveryOutcome::Status(code @ 200..=299) => {
            ("ok", format!("{} {code}, {took}", language.pick("answered", "ответ")))
        }
        DeliveryOutcome::Status(code) => ("bad", format!("{} {code}, {took}", language.pick("answered", "ответ"))),
        DeliveryOutcome::Failed(reason) => ("bad", format!("{}: {reason}, {took}", language.pick("failed", "ошибка"))),
        DeliveryOutcome::Cut => {
            ("warn", language.pick("cut, because the webhook changed", "прервано: вебхук изменился").to_owned())
        }
    };
    let asked = attempt.retry_after.map(|seconds| {
        let english = format!(". The answer asked to wait {seconds} s (Retry-After)");
        let russian = format!(". Ответ просит подождать {seconds} с (Retry-After)");
        language.pick(&english, &russian).to_owned()
    });
    let next = attempt
        .next_at
        .map(|at| format!("{} {}", language.pick(". Next attempt at", ". Следующая попытка в"), clock(at)));
    let delivery = language.pick("Delivery", "Доставка");
    let text = format!("{delivery} {number}: {outcome}{}{}", asked.unwrap_or_default(), next.unwrap_or_default());
    Line { at: Time::of(attempt.at), text, class, is_telegram: true }
}

/// What the service did.
pub(super) fn of_step(step: &Step, language: Language) -> Line {
    let (class, text) = event(&step.event, language);
    Line { at: Time::of(step.at), text, class, is_telegram: false }
}

fn event(event: &Event, language: Language) -> (&'static str, String) {
    let pick = |english: String, russian: String| match language {
        Language::English => english,
        Language::Russian => russian,
    };
    match event {
        Event::Stored { bytes, took, .. } => {
            let took = milliseconds(*took);
            ("ok", pick(format!("Stored: {bytes} bytes, {took}"), format!("Сохранено: {bytes} байт, {took}")))
        }
        Event::Known => {
            ("", pick("Known already: it has no effect again".into(), "Уже известно: повтор ничего не делает".into()))
        }
        Event::NotStored { reason } => {
            ("bad", pick(format!("Not stored: {reason}"), format!("Не сохранено: {reason}")))
        }
        Event::Started { attempt } => {
            ("", pick(format!("Attempt {attempt} to handle it begins"), format!("Начата попытка обработки {attempt}")))
        }
        Event::Handled { calls, took } => {
            let english = language.count(*calls as u64, ["call", "calls"], ["вызов", "вызова", "вызовов"]);
            let took = milliseconds(*took);
            ("ok", pick(format!("Handled: {english}, {took}"), format!("Обработано: {english}, {took}")))
        }
        Event::Failed { reason, took } => {
            let took = milliseconds(*took);
            (
                "bad",
                pick(format!("The handler failed: {reason}, {took}"), format!("Ошибка обработчика: {reason}, {took}")),
            )
        }
        Event::Forwarded { status, outcome, took } => {
            let status = status.map(|status| format!(" {status}")).unwrap_or_default();
            let took = milliseconds(*took);
            let class = if *outcome == "done" || status.starts_with(" 2") { "ok" } else { "warn" };
            (
                class,
                pick(
                    format!("Sent to your bot:{status} {outcome}, {took}"),
                    format!("Передано вашему боту:{status} {outcome}, {took}"),
                ),
            )
        }
        Event::Called { method, outcome, error, took } => {
            let error = error.as_ref().map(|error| format!(" ({error})")).unwrap_or_default();
            let class = if error.is_empty() { "ok" } else { "bad" };
            (class, format!("{method}: {outcome}{error}, {}", milliseconds(*took)))
        }
        Event::Ended { verdict, reason, next_at } => {
            let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let next = next_at.map(|at| next_attempt(at, language)).unwrap_or_default();
            let class = if *verdict == "done" { "ok" } else { "warn" };
            (class, pick(format!("Ended: {verdict}{reason}{next}"), format!("Завершено: {verdict}{reason}{next}")))
        }
        Event::Revived => ("", pick("Put back by the operator".into(), "Возвращено оператором".into())),
        Event::Discarded => ("warn", pick("Erased by the operator".into(), "Удалено оператором".into())),
    }
}

fn next_attempt(at: Timestamp, language: Language) -> String {
    format!("{} {}", language.pick(". Next attempt at", ". Следующая попытка в"), clock(at))
}
