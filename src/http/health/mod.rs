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

use super::layers::no_store;
pub use page::Links;
pub use state::{BotHealth, GatewayHealth, ServiceState};

/// The routes `/healthz` and `/readyz`.
pub fn router(service: Arc<ServiceState>) -> Router {
    let routes = Router::new().route("/healthz", get(healthz::show)).route("/readyz", get(readyz::show));
    no_store(routes.with_state(service))
}

/// The page `/`, for [`pages::routes`](super::pages::routes).
pub fn front_page(service: Arc<ServiceState>, links: Links) -> Router {
    Router::new().route("/", get(page::show)).with_state((service, Arc::new(links)))
}
