//! The chat page, `GET /`: a person chats with the bot in a browser, and sees beside each message how its update travelled.
//!
//! It works without JavaScript. What it shows is in its address ([`view::View`]), and each form answers with a redirect to
//! the page. Everything that people and the bot write is data: it is escaped, and the policy of the pages forbids inline
//! scripts.

mod buttons;
mod chat;
mod chats;
mod composer;
mod content;
mod files;
mod forms;
mod host;
mod json;
mod markup;
mod messages;
mod problem;
mod refusals;
mod sentences;
mod style;
mod switches;
mod time;
mod trail;
mod transcript;
mod view;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::from_fn;
use axum::response::Response;
use axum::routing::{get, post};

use super::handle::Sandbox;
use crate::http::pages::{self, Live};

pub(super) use host::refuse_other_hosts;
pub(super) use transcript::transcript;

/// The maximum size of a form, which may have a file.
const MAX_FORM: usize = 21 << 20;

/// What the routes of the page share.
#[derive(Clone)]
struct PageState {
    sandbox: Sandbox,
    live: Live,
}

/// Whether the page answers requests for this path. All others are for the Bot API.
pub(super) fn has(path: &str) -> bool {
    path == "/" || path.starts_with("/chat/") || path.starts_with("/assets/")
}

/// The routes of the page.
pub(super) fn router(sandbox: Sandbox) -> Router {
    let live = Live::new(Arc::clone(&sandbox.shared.clock), sandbox.shared.shutdown.clone());
    let routes = Router::new()
        .route("/", get(chat::show))
        .route("/chat/live", get(stream))
        .route("/chat/files/{folder}/{name}", get(files::show))
        .route("/chat/assets/{name}", get(style::show))
        .route("/chat/send", post(forms::send))
        .route("/chat/press", post(forms::press))
        .route("/chat/vote", post(forms::vote))
        .route("/chat/stop", post(forms::stop))
        .route("/chat/join", post(forms::join))
        .route("/chat/switch", post(switches::turn))
        .layer(DefaultBodyLimit::max(MAX_FORM))
        .with_state(PageState { sandbox, live });
    pages::routes(routes).layer(from_fn(refuse_other_hosts))
}

/// The event stream that says that something has changed.
async fn stream(State(page): State<PageState>) -> Response {
    page.live.stream(page.sandbox.shared.changes())
}
