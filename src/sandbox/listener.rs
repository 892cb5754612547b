//! The listener: one port for the Bot API, the control API and the page.

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
use super::{bot_api, control_api, page};

/// The routes of the control API and of the page.
#[derive(Clone)]
struct Routers {
    control: Router,
    page: Router,
}

/// Accepts connections until the soft stop. Requests in flight are still answered.
pub(super) async fn serve(listener: TcpListener, sandbox: Sandbox) {
    let routers = Routers { control: control_api::router(sandbox.clone()), page: page::router(sandbox.clone()) };
    let shutdown = sandbox.shared.shutdown.clone();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error means that the client closed the connection before it was accepted.
                if let Ok((stream, _)) = accepted {
                    shutdown.tasks.spawn(serve_connection(stream, sandbox.clone(), routers.clone()));
                }
            }
            () = shutdown.soft.cancelled() => return,
        }
    }
}

async fn serve_connection(stream: TcpStream, sandbox: Sandbox, routers: Routers) {
    stream.set_nodelay(true).ok();
    let shutdown = sandbox.shared.shutdown.clone();
    let service = service_fn(|request| answer(request, sandbox.clone(), routers.clone()));
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
async fn answer(request: Request<Incoming>, sandbox: Sandbox, routers: Routers) -> io::Result<Response> {
    let request = request.map(Body::new);
    let path = request.uri().path();
    let router = if path.starts_with("/sandbox") {
        Some(routers.control)
    } else if page::has(path) {
        Some(routers.page)
    } else {
        None
    };
    if let Some(router) = router {
        let answered: Result<Response, Infallible> = router.oneshot(request).await;
        return answered.map_err(|never| match never {});
    }
    bot_api::answer(&sandbox.shared, request).await
}
