use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use url::form_urlencoded;

use super::frame::{Frame, Tab};
use super::state::Console;
use super::when::When;
use crate::http::pages::{Language, Page, render, wants_json};

/// A request for a page: in which language and form, and what its query says.
pub(super) struct Visit {
    pub(super) language: Language,
    pub(super) is_json: bool,
    query: Vec<(String, String)>,
    /// The query as it was sent. `None` for a form.
    raw_query: Option<String>,
    console: Arc<Console>,
}

impl Visit {
    /// A parameter of the query that is not empty.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }

    /// The layout of a page, which is updated as long as it is open.
    pub(super) fn page(&self, title: &str) -> Page {
        let console = &self.console;
        let live = Some(console.link("/console/events"));
        let query = self.raw_query.clone();
        Page { language: self.language, title: title.to_owned(), root: console.root.clone(), live, query }
    }

    /// The layout of a page that stays as it is.
    pub(super) fn still_page(&self, title: &str) -> Page {
        Page { live: None, ..self.page(title) }
    }

    /// The frame of a page: the navigation, and what concerns every page.
    pub(super) fn frame(&self, tab: Tab) -> Frame {
        let handling = self.console.handling();
        let paused = handling.is_paused().then(|| handling.sentence());
        Frame { root: self.console.root.clone(), language: self.language, tab, paused, notice: self.notice() }
    }

    /// What an action has done, if the query says so. Only known words and a number pass.
    fn notice(&self) -> Option<String> {
        let number = |name: &str| self.query(name)?.parse::<u64>().ok();
        let language = self.language;
        let updates =
            |number| language.count(number, ["update", "updates"], ["обновление", "обновления", "обновлений"]);
        if let Some(retried) = number("retried") {
            let what = language.pick("put back to be handled again", "возвращено в очередь");
            return Some(format!("{}: {what}.", updates(retried)));
        }
        if let Some(discarded) = number("discarded") {
            return Some(format!("{}: {}.", updates(discarded), language.pick("deleted", "удалено")));
        }
        let text = match self.query("done")? {
            "paused" => language.pick("Handling is paused.", "Обработка приостановлена."),
            "resumed" => language.pick("Handling goes on.", "Обработка продолжается."),
            "registering" => language.pick(
                "The webhook is being registered. The history below says how it went.",
                "Вебхук регистрируется. Чем это кончилось, видно в истории ниже.",
            ),
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// A time for the page.
    pub(super) fn when(&self, at: Timestamp) -> When {
        When::new(at, self.console.deps.service.clock.now(), self.language)
    }

    /// The response: the data as JSON for a program, else the page.
    pub(super) fn respond<T: Template>(&self, data: &impl Serialize, page: impl FnOnce() -> T) -> Response {
        if self.is_json { Json(data).into_response() } else { render(&page()) }
    }
}

impl FromRequestParts<Arc<Console>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Arc<Console>) -> Result<Self, Infallible> {
        let language = Language::from_request_parts(parts, console).await?;
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            language,
            is_json: wants_json(&parts.headers),
            query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            raw_query: parts.method.is_safe().then(|| query.to_owned()),
            console: Arc::clone(console),
        })
    }
}
