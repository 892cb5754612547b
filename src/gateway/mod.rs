//! The Bot API for your own bot: it answers what concerns the registration itself, and passes everything else on to
//! Telegram with the real token.
//!
//! The bot holds a stand-in token, which is worth nothing at Telegram. A program that calls the gateway with it
//! acts as the bot, so the gateway accepts connections from this machine only, unless `gateway.listen` says otherwise.

mod body;
mod counts;
mod frameworks;
mod headers;
mod multipart;
mod once;
mod params;
mod passed;
mod passing;
mod polling;
mod refusal;
mod route;
mod router;
mod set_webhook;
mod standstill;
mod throttle;
mod traced;
mod webhook;

use axum::Router;
use tokio::net::TcpListener;

use crate::http::listener::{self, Limits};

pub use crate::http::listener::bind;
pub use counts::{Counts, StatusClass};
pub use router::{Deps, router};
pub use webhook::Failure;

/// The bounds of the gateway's connections.
///
/// Uploads and downloads of 50 MB pass, and a slow one can take minutes: only a standstill ends it. The libraries keep
/// connections alive and expect the server to close them later than they do.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        // A line of this length can hold a URL of 65,534 bytes, the longest that HTTP libraries accept, and Telegram's own
        // limit of a head is the same.
        longest_head: 256 * 1024,
        streams: true,
        error_body: Some(refusal::protocol_error_body),
        // The gateway answers a standstill first, after one to two minutes.
        work: 3 * standstill::LONGEST,
        answer: 3 * standstill::LONGEST,
        ..Limits::default()
    }
}

/// Serves the gateway's router until the soft stop of `deps`, and returns when the last connection has ended. The limits of
/// `deps` are those of [`limits`], or those of a test.
pub async fn serve(listener: TcpListener, routes: Router, deps: listener::Deps) {
    listener::serve(listener, routes, deps).await;
}
