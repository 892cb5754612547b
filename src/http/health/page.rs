use std::sync::Arc;

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::Response;

use super::inbox_depth::InboxDepth;
use super::state::ServiceState;
use crate::http::pages::{Language, Page, render};

/// Where the links of the page lead.
pub struct Links {
    /// The path of the public URL, or nothing: each link begins with it.
    pub root: String,
    /// Whether there is a console.
    pub has_console: bool,
}

/// The page at `/`.
#[derive(Template)]
#[template(path = "http/health/page.html")]
struct FrontPage<'a> {
    page: Page,
    version: &'static str,
    is_stopping: bool,
    registration: String,
    bot: Option<String>,
    inbox: InboxDepth,
    advice: Option<&'a str>,
    has_console: bool,
}

/// `GET /`: a page for people that says what this service is, its status, and where the console is. It shows nothing else
/// that `/healthz` does not show. The status is always 200, because `/healthz` is for programs.
pub(super) async fn show(
    language: Language,
    RawQuery(query): RawQuery,
    State((service, links)): State<(Arc<ServiceState>, Arc<Links>)>,
) -> Response {
    let title = language.pick("A webhook service", "Вебхук-сервис").to_owned();
    let inbox = InboxDepth::read(&service).await;
    render(&FrontPage {
        page: Page { language, title, root: links.root.clone(), live: None, query: Some(query.unwrap_or_default()) },
        version: env!("CARGO_PKG_VERSION"),
        is_stopping: service.is_stopping(),
        registration: service.registration.borrow().sentence(),
        bot: service.bot.as_ref().map(|bot| bot.status.borrow().sentence()),
        inbox,
        advice: service.advice.as_deref(),
        has_console: links.has_console,
    })
}
