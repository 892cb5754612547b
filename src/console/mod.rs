//! The operator's console: pages below `/console` that say whether the service is well, what to do if not, and why the bot is
//! silent for one person.
//!
//! Only the operator sees them: after a login with the operator's token, or with the token as Bearer credentials. Without a
//! token in the settings they do not exist. Each page is rendered on the server, works without JavaScript, and is JSON for a
//! program that asks for it. Nothing here can delay an acknowledgement: at most two pages read the inbox at once, for at most
//! two seconds each. What a person wrote is shown only on request, and the log says so.

mod access;
mod attempts;
mod bot;
mod charts;
mod confirm;
mod dead;
mod dead_actions;
mod deps;
mod events;
mod frame;
mod held_back;
mod level;
mod login;
mod not_found;
mod overview;
mod pause;
mod reading;
mod rows;
mod samples;
mod session;
mod settings;
mod state;
mod timeline;
mod update;
mod updates;
mod visit;
mod webhook;
mod when;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

pub use deps::{Deps, OwnBot, Process};
pub use state::Console;

/// The routes below `/console`, for [`pages::routes`](crate::http::pages::routes).
pub fn router(console: Arc<Console>) -> Router {
    let protected = Router::new()
        .route("/console", get(overview::show))
        .route("/console/events", get(events::stream))
        .route("/console/updates", get(updates::show))
        .route("/console/updates/{id}", get(update::show))
        .route("/console/updates/{id}/content", post(update::content))
        .route("/console/held-back", get(held_back::show))
        .route("/console/dead", get(dead::show))
        .route("/console/dead/confirm", post(dead_actions::confirm))
        .route("/console/dead/retry", post(dead_actions::retry))
        .route("/console/dead/discard", post(dead_actions::discard))
        .route("/console/webhook", get(webhook::show))
        .route("/console/webhook/register", get(webhook::ask).post(webhook::register))
        .route("/console/bot", get(bot::show))
        .route("/console/settings", get(settings::show))
        .route("/console/pause", get(pause::ask).post(pause::pause))
        .route("/console/resume", post(pause::resume))
        .route("/console/logout", post(login::log_out))
        .route("/console/{*rest}", get(not_found::fallback))
        .route_layer(from_fn_with_state(Arc::clone(&console), access::require_operator));
    let open = Router::new().route("/console/login", get(login::show).post(login::log_in));
    open.merge(protected).with_state(console)
}
