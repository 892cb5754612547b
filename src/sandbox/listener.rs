//! The listener: one port for the Bot API and the control API.

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

use super::handle::Sandbox;
use super::{bot_api, control_api};

/// Accepts connections until the soft stop. Requests in flight are still answered.
pub(super) async fn serve(listener: TcpListener, sandbox: Sandbox) {
    let router = control_api::router(sandbox.clone());
    let shutdown = sandbox.shared.shutdown.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error means that the client closed the connection before it was accepted.
                if let Ok((stream, _)) = accepted {
                    shutdown.tasks.spawn(serve_connection(stream, sandbox.clone(), router.clone()));
                }
            }
            () = shutdown.soft.cancelled() => return,
        }
    }
}

async fn serve_connection(stream: TcpStream, sandbox: Sandbox, router: Router) {
    stream.set_nodelay(true).ok();
    let shutdown = sandbox.shared.shutdown.clone();
    let service = service_fn(|request| answer(request, sandbox.clone(), router.clone()));
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.soft.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => ended,
                () = shutdown.hard.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the sandbox failed");
    }
}

/// Answers one request. An error closes the connection without a response.
async fn answer(request: Request<Incoming>, sandbox: Sandbox, router: Router) -> io::Result<Response> {
    let request = request.map(Body::new);
    if request.uri().path().starts_with("/sandbox") {
        let answered: Result<Response, Infallible> = router.oneshot(request).await;
        return answered.map_err(|never| match never {});
    }
    bot_api::answer(&sandbox.shared, request).await
}
