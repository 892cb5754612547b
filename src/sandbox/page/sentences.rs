//! One sentence for each step of an update.

use serde::Serialize;

use super::time::{Time, clock, milliseconds};
use crate::http::pages::{Language, StepText, step_text};
use crate::sandbox::records::{DeliveryAttempt, DeliveryOutcome};
use crate::trail::Step;

/// A line of a trail.
#[derive(Serialize)]
pub(super) struct Line {
    pub(super) at: Time,
    pub(super) text: String,
    #[serde(skip)]
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

/// What the service did, in the words of its console.
pub(super) fn of_step(step: &Step, language: Language) -> Line {
    let StepText { class, mut text, detail } = step_text(&step.event, language);
    if let Some(detail) = detail {
        text = format!("{text}: {detail}");
    }
    Line { at: Time::of(step.at), text, class, is_telegram: false }
}
