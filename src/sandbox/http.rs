//! The listener: one port for the Bot API and the door.

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

use super::{Sandbox, bot_api, door};

/// Accepts connections until the sandbox is told to stop; requests in flight are then answered.
pub(super) async fn serve(listener: TcpListener, sandbox: Sandbox) {
    let router = door::router(sandbox.clone());
    let shutdown = sandbox.shared.shutdown.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // A connection that was gone before it was accepted concerns nobody.
                if let Ok((stream, _)) = accepted {
                    shutdown.tasks.spawn(connection(stream, sandbox.clone(), router.clone()));
                }
            }
            () = shutdown.soft.cancelled() => return,
        }
    }
}

async fn connection(stream: TcpStream, sandbox: Sandbox, router: Router) {
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
        tracing::debug!(%error, "a connection to the sandbox ended");
    }
}

/// An error closes the connection without an answer.
async fn answer(request: Request<Incoming>, sandbox: Sandbox, router: Router) -> io::Result<Response> {
    let request = request.map(Body::new);
    if request.uri().path().starts_with("/sandbox") {
        let answered: Result<Response, Infallible> = router.oneshot(request).await;
        return answered.map_err(|never| match never {});
    }
    bot_api::answer(&sandbox.shared, request).await
}
