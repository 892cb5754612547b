use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::progress::{Phase, Progress};
use super::stream::Observed;

/// The longest head of a request, else 431. All headers of Telegram's fit into 4 KiB; a platform's
/// edge adds its own.
const LONGEST_HEAD: usize = 16 * 1024;
/// What a connection reads ahead, or keeps of an answer, at most.
const BUFFER: usize = 64 * 1024;
/// A body up to this length may come to an end although its request was refused, so that the
/// connection can be kept.
const SHORT: u64 = 16 * 1024;

/// Answers the requests of a connection until it ends.
pub(super) async fn converse(stream: TcpStream, router: Router, progress: Arc<Progress>) {
    // An answer is one small packet: it must not wait for the next.
    let _ = stream.set_nodelay(true);
    let answering = Arc::clone(&progress);
    let service = service_fn(move |request: Request<Incoming>| {
        answering.enter(Phase::Work);
        // A body that may not come to an end although its request was refused.
        let is_open = request.body().size_hint().exact().is_none_or(|length| length > SHORT)
            || request.headers().contains_key(EXPECT);
        let answer = router.clone().call(request);
        let progress = Arc::clone(&answering);
        async move {
            let mut answer = answer.await.unwrap_or_else(|never| match never {});
            progress.enter(Phase::Idle);
            // What is refused is not read to its end, so no other request can follow, and it is said.
            if answer.status() == StatusCode::REQUEST_TIMEOUT || is_open && answer.status().is_client_error() {
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
