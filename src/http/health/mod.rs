//! Health: `/healthz` is for the platform, which restarts a service that fails it. `/readyz` reports whether a new
//! update would be stored. `/` shows the same in a browser.

mod healthz;
mod inbox_depth;
mod page;
mod readyz;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::header::CONTENT_SECURITY_POLICY;

use super::layers::{no_store, response_header};
pub use state::{BotHealth, GatewayHealth, ServiceState};

/// The page loads nothing and runs no script; its style is in it.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// The routes `/healthz`, `/readyz` and `/`.
pub fn router(service: Arc<ServiceState>) -> Router {
    let page = get(page::show).layer(response_header(CONTENT_SECURITY_POLICY, PAGE_POLICY));
    let routes = Router::new().route("/healthz", get(healthz::show)).route("/readyz", get(readyz::show));
    no_store(routes.route("/", page).with_state(service))
}
