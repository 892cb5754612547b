use std::convert::Infallible;
use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::header::CONNECTION;
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::body::{self, Noted};
use super::progress::{Phase, Progress};
use super::stream::Observed;
use crate::problem::Problem;

/// The longest head of a request, else 431. All headers of Telegram's fit into 4 KiB; a platform's
/// edge adds its own.
const LONGEST_HEAD: usize = 16 * 1024;
/// What a connection reads ahead, or keeps of an answer, at most.
const BUFFER: usize = 64 * 1024;

/// Answers the requests of a connection until it ends.
pub(super) async fn converse(stream: TcpStream, router: Router, progress: Arc<Progress>) {
    // An answer is one small packet: it must not wait for the next.
    let _ = stream.set_nodelay(true);
    let answering = Arc::clone(&progress);
    let service = service_fn(move |request: Request<Incoming>| {
        answering.enter(Phase::Work);
        let progress = Arc::clone(&answering);
        let answer = router.clone().call(Noted::of(request, &progress));
        async move {
            let answer = AssertUnwindSafe(answer).catch_unwind().await;
            let mut answer = answer.map_or_else(|_| panicked(), |answer| answer.unwrap_or_else(|never| match never {}));
            if progress.is_unread()
                && let Some(body) = progress.unread_body()
                && body::drain(body).await
            {
                progress.body_ended();
            }
            progress.enter(Phase::Idle);
            // No request can follow a body that was not read. A client that is not told so sends one.
            if progress.is_last_answer() {
                answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let connection = http1::Builder::new()
        // Hyper's own deadline of the head would also end idle connections.
        .header_read_timeout(None)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Observed::new(stream, Arc::clone(&progress))), service);
    let mut connection = pin!(connection);
    let ended = poll_fn(|cx| {
        let polled = connection.as_mut().poll(cx);
        if polled.is_pending() && progress.is_leaving(cx) {
            connection.as_mut().graceful_shutdown();
            return connection.as_mut().poll(cx);
        }
        polled
    });
    if let Err(error) = ended.await {
        tracing::trace!(%error, "a connection broke off");
    }
}

/// The answer when a route panicked, which the log says.
fn panicked() -> Response {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "The service failed while it answered",
        "This is an error in the program. Its log says where it happened.",
    )
    .into_response()
}
