//! Pauses the handling of updates for all instances, and resumes it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;

use super::confirm::Confirm;
use super::frame::Tab;
use super::not_found;
use super::state::Console;
use super::visit::Visit;
use crate::dispatch::Handling;
use crate::http::pages::render;

/// `GET /console/pause`: what the pause means, before it begins.
pub(super) async fn ask(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let language = visit.language;
    let sentences = if console.is_memory {
        [
            language.pick(
                "No update is handed to the bot until you resume. Updates that are being handled now are finished. A restart \
                 of the process ends the pause.",
                "Пока вы не продолжите, боту не передаётся ни одно обновление. То, что обрабатывается сейчас, будет \
                 завершено. Перезапуск процесса снимает паузу.",
            ),
            language.pick(
                "Updates are in memory here, so nothing is acknowledged while handling is paused: Telegram waits, tries \
                 again and again, and drops an update after 24 hours at most.",
                "Обновления здесь хранятся в памяти, поэтому во время паузы ничего не подтверждается: Telegram ждёт, \
                 повторяет попытки и отбрасывает обновление не позже чем через 24 часа.",
            ),
        ]
    } else {
        [
            language.pick(
                "No update is handed to the bot until you resume. Updates that are being handled now are finished. It \
                 concerns all instances of this service, and a restart does not end it.",
                "Пока вы не продолжите, боту не передаётся ни одно обновление. То, что обрабатывается сейчас, будет \
                 завершено. Это касается всех экземпляров сервиса, и перезапуск паузу не снимает.",
            ),
            language.pick(
                "Updates are still accepted and stored. One that waits too long expires, as Telegram would have dropped it: \
                 a button press after 150 seconds, a message after 24 hours.",
                "Обновления по-прежнему принимаются и сохраняются. Слишком долго ждавшее устареет, как его отбросил бы и \
                 Telegram: нажатие кнопки через 150 секунд, сообщение через 24 часа.",
            ),
        ]
    };
    render(&Confirm {
        page: visit.still_page(language.pick("Pause handling", "Приостановить обработку")),
        frame: visit.frame(Tab::Overview),
        sentences: sentences.map(ToOwned::to_owned).into(),
        action: console.link("/console/pause"),
        fields: Vec::new(),
        button: language.pick("Pause handling", "Приостановить").to_owned(),
        class: "",
        back: console.link("/console"),
    })
}

/// `POST /console/pause`
pub(super) async fn pause(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    change(&console, &visit, true).await
}

/// `POST /console/resume`
pub(super) async fn resume(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    change(&console, &visit, false).await
}

async fn change(console: &Console, visit: &Visit, paused: bool) -> Response {
    if let Err(unreadable) = console.read(console.deps.dispatch.pausing().set(paused)).await {
        return not_found::unreadable(visit, &unreadable);
    }
    console.changed();
    if visit.is_json {
        return Json(json!({ "paused": paused })).into_response();
    }
    let done = if paused { "paused" } else { "resumed" };
    Redirect::to(&console.link(&format!("/console?done={done}"))).into_response()
}

impl Console {
    /// Whether updates are handed to the handler.
    pub(super) fn handling(&self) -> Handling {
        self.deps.dispatch.pausing().handling()
    }
}
