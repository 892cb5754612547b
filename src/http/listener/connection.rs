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
use super::progress::{Phase, Progress};
use super::stream::TrackedStream;
use crate::http::layers::LayeredRoutes;

/// The longest head of a request; a longer one is answered with 431. All headers of Telegram's fit into 4 KiB, and a
/// platform's edge adds its own.
const LONGEST_HEAD: usize = 16 * 1024;
/// The most that a connection reads ahead, or buffers of a response.
const BUFFER: usize = 64 * 1024;

/// Answers the requests of one connection until it ends.
pub(super) async fn serve_connection(stream: TcpStream, routes: LayeredRoutes, progress: Arc<Progress>) {
    // A response is one small packet, which must not wait for another.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        progress.enter(Phase::Work);
        let response = routes.clone().call(TrackedBody::wrap(request, &progress));
        let progress = Arc::clone(&progress);
        async move {
            let mut response = response.await?;
            if let Some(body) = progress.take_returned_body()
                && body::drain(body).await
            {
                progress.body_ended();
            }
            progress.enter(Phase::Idle);
            // No request can follow a body that was not read, so the response must say `close`.
            if progress.is_last_response() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        // Hyper's own deadline of the head would also end idle connections.
        .header_read_timeout(None)
        .max_header_size(LONGEST_HEAD)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(TrackedStream::new(stream, Arc::clone(&progress))), service);
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
