//! Pages for what is not there, each with a way back.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::frame::{Frame, Tab};
use super::reading::Unreadable;
use super::state::Console;
use super::visit::Visit;
use crate::http::Problem;
use crate::http::pages::{Page, render};

/// What is not there.
#[derive(Clone, Copy)]
pub(super) enum Missing {
    Page,
    Update,
    Content,
    /// A selection of dead letters that selects none.
    DeadLetters,
}

#[derive(Template)]
#[template(path = "console/not_found.html")]
struct NotFoundPage {
    page: Page,
    frame: Frame,
    sentence: String,
    back: String,
    is_english: bool,
}

/// Any other path below `/console`.
pub(super) async fn fallback(State(_): State<Arc<Console>>, visit: Visit) -> Response {
    show(&visit, Missing::Page)
}

/// The response with 404.
pub(super) fn show(visit: &Visit, missing: Missing) -> Response {
    let language = visit.language;
    let (english, russian, tab) = match missing {
        Missing::Page => ("There is no such page.", "Такой страницы нет.", Tab::Overview),
        Missing::Update => (
            "No update has this number here. It may have been handled days ago and forgotten, or it was never received.",
            "Обновления с таким номером здесь нет. Возможно, оно обработано несколько дней назад и забыто или не приходило.",
            Tab::Updates,
        ),
        Missing::Content => (
            "The content of this update is not stored any more: it is erased when the update has been handled.",
            "Содержимое этого обновления больше не хранится: оно стирается после обработки.",
            Tab::Updates,
        ),
        Missing::DeadLetters => (
            "None of these updates is a dead letter now. Somebody may have retried or deleted them.",
            "Среди этих обновлений больше нет необработанных. Возможно, их уже повторили или удалили.",
            Tab::Dead,
        ),
    };
    if visit.is_json {
        return Problem::new(StatusCode::NOT_FOUND, "It is not there", english).into_response();
    }
    let page = page(visit, tab, language.pick(english, russian), language.pick("Not found", "Не найдено"), true);
    (StatusCode::NOT_FOUND, page).into_response()
}

/// The response while the store cannot be read or changed.
pub(super) fn unreadable(visit: &Visit, unreadable: &Unreadable) -> Response {
    let error = unreadable.error.clone();
    if visit.is_json {
        let title = "The inbox cannot be used now";
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, title, error).retry_after(1).into_response();
    }
    let title = visit.language.pick("The store is away", "Хранилище недоступно");
    (StatusCode::SERVICE_UNAVAILABLE, page(visit, Tab::Overview, &error, title, false)).into_response()
}

fn page(visit: &Visit, tab: Tab, sentence: &str, title: &str, is_translated: bool) -> Response {
    let frame = visit.frame(tab);
    render(&NotFoundPage {
        page: visit.still_page(title),
        back: frame.link(tab.path()),
        frame,
        sentence: sentence.to_owned(),
        is_english: !is_translated,
    })
}
