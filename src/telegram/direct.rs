//! A client for the Bot API without the layers that passing on never needs.

use std::error::Error;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tower::Service;

use super::client::{IDLE_CONNECTION, tls_config};
use super::error::{ApiError, cause_of, tls_failure};
use crate::clock::SharedClock;

/// How long a connection is silent before the system asks whether the other side is still there, and how often it asks:
/// as reqwest does.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_ATTEMPTS: u32 = 3;

/// A client without a proxy that passes the URI, the headers and the body on as they are.
///
/// It is the client below reqwest. reqwest parses the URL of each request three more times, copies its headers twice, and
/// passes it through layers for redirects and repetitions, which are never wanted here. Without them a call needs a third
/// fewer instructions.
pub(super) struct DirectClient<B>(Client<Connector, B>);

impl<B> DirectClient<B>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// `connect` is the time limit of a new connection, including TLS. It opens none yet.
    pub(super) fn new(connect: Duration, clock: SharedClock) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVE_ATTEMPTS));
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_timer(TokioTimer::new())
            .build(Connector { inner: https_connector(tcp), limit: connect, clock });
        Self(client)
    }

    /// Sends a request and returns the head of the answer.
    pub(super) async fn send(&self, request: Request<B>) -> Result<Response<Incoming>, ApiError> {
        self.0.request(request).await.map_err(|error| {
            let reason = tls_failure(&error).unwrap_or_else(|| cause_of(&error));
            if error.is_connect() { ApiError::Unreachable { reason } } else { ApiError::Unknown { reason } }
        })
    }
}

/// Opens connections for HTTP/1.1 with `tcp`, and with TLS where the URL says so.
pub(crate) fn https_connector(mut tcp: HttpConnector) -> HttpsConnector<HttpConnector> {
    tcp.set_nodelay(true);
    tcp.enforce_http(false);
    let https = HttpsConnectorBuilder::new().with_tls_config(tls_config());
    https.https_or_http().enable_http1().wrap_connector(tcp)
}

/// Opens connections within a time limit.
#[derive(Clone)]
struct Connector {
    inner: HttpsConnector<HttpConnector>,
    limit: Duration,
    clock: SharedClock,
}

type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;
type ConnectError = Box<dyn Error + Send + Sync>;

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (connecting, limit, clock) = (self.inner.call(to), self.limit, Arc::clone(&self.clock));
        Box::pin(async move {
            tokio::select! {
                biased;
                connected = connecting => connected,
                () = clock.sleep(limit) => {
                    let reason = format!("no connection within {} s", limit.as_secs_f32());
                    Err(io::Error::new(ErrorKind::TimedOut, reason).into())
                }
            }
        })
    }
}
