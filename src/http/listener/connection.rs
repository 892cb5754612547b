use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use http::header::CONNECTION;
use http::{HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::body::{self, TrackedBody};
use super::connection_id::{ConnectionId, Peer};
use super::limits::Limits;
use super::progress::{Phase, Progress};
use super::response_body::{ResponseBody, is_event_stream};
use super::stream::TrackedStream;
use crate::http::layers::LayeredRoutes;
use crate::telegram::WEBHOOK_PATH;

/// The most that a connection reads ahead beyond a head, or buffers of a response.
const BUFFER: usize = 64 * 1024;

/// Answers the requests of one connection until it ends.
pub(super) async fn serve_connection(
    stream: TcpStream,
    routes: LayeredRoutes,
    progress: Arc<Progress>,
    (id, peer): (ConnectionId, Peer),
    limits: Limits,
) {
    // A response is one small packet, which must not wait for another.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|mut request: Request<Incoming>| {
        progress.enter(Phase::Work);
        if limits.streams {
            request.extensions_mut().insert(id);
        }
        if !request.uri().path().ends_with(WEBHOOK_PATH) {
            request.extensions_mut().insert(peer);
        }
        let response = routes.clone().call(TrackedBody::wrap(request, &progress, limits.streams));
        let progress = Arc::clone(&progress);
        async move {
            let response = response.await?;
            if let Some(body) = progress.take_returned_body()
                && body::drain(body).await
            {
                progress.body_ended();
            }
            let is_event_stream = is_event_stream(&response);
            if is_event_stream {
                progress.enter(Phase::Events);
            }
            let mut response = if limits.streams || is_event_stream {
                response.map(|body| ResponseBody::streamed(body, Arc::clone(&progress)))
            } else {
                progress.enter(Phase::Idle);
                response.map(ResponseBody::whole)
            };
            // No request can follow a body that was not read, so the response must say `close`.
            if progress.is_last_response() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let stream = TrackedStream::new(stream, Arc::clone(&progress), &limits);
    let connection = http1::Builder::new()
        // Hyper's own deadline of the head would also end idle connections.
        .header_read_timeout(None)
        .max_header_size(limits.longest_head)
        .max_buf_size(BUFFER.max(limits.longest_head))
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        () = progress.closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended with an error");
    }
}
