//! The HTTP client towards the bot.
//!
//! It is not reqwest: reqwest takes a `url::Url`, which rewrites paths (it resolves `..` and encodes some characters), and
//! bots compare the path byte for byte. It is the client below reqwest, whose URI stays as it is.

use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as PooledClient, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpStream;

use super::destination::Destination;
use super::trouble::Trouble;
use crate::clock::SharedClock;
use crate::telegram::{cause_of, https_connector, tls_failure};

/// An idle connection is closed before the bot closes it: gunicorn does after 2 s, Node and uvicorn after 5 s.
const IDLE_CONNECTION: Duration = Duration::from_millis(1500);
/// Until the connection is open.
const CONNECT: Duration = Duration::from_secs(5);

/// Sends requests to the bot. It knows no proxy, follows no redirect, and repeats only a request of which nothing was
/// sent.
pub(super) struct Client(PooledClient<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// Why there is no answer.
pub(super) enum NoAnswer {
    /// There was no connection. The bot has seen nothing.
    Unreachable(Trouble),
    /// The connection was cut. The bot may have seen the update.
    Cut,
}

impl Client {
    pub(super) fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        let client = PooledClient::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_timer(TokioTimer::new())
            // `Host` is that of the bot's URL.
            .set_host(false)
            // As Telegram writes them.
            .http1_title_case_headers(true)
            .build(https_connector(tcp));
        Self(client)
    }

    /// Sends a request and returns the head of the answer.
    pub(super) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, NoAnswer> {
        let uri = request.uri().clone();
        self.0.request(request).await.map_err(|error: Error| match tls_failure(&error) {
            Some(cause) => NoAnswer::Unreachable(Trouble::Misconfigured(without_tls(&uri, &cause))),
            None if error.is_connect() => NoAnswer::Unreachable(Trouble::Unreachable(cause_of(&error))),
            None => NoAnswer::Cut,
        })
    }
}

/// The sentence about a bot whose TLS cannot be trusted.
fn without_tls(uri: &Uri, cause: &str) -> String {
    let (address, host) = (uri.authority().map_or("", Authority::as_str), uri.host().unwrap_or_default());
    format!(
        "the TLS connection to your bot at {address} fails ({cause}): give the bot a certificate of a public authority for \
         {host}, or name it by an http URL, which for another machine needs forward.allow_plain_http = true"
    )
}

/// Whether the bot takes connections. Nothing is sent: a `GET` or `HEAD` would end the process of some bots.
pub(super) async fn takes_connections(at: &Destination, clock: &SharedClock) -> Result<(), String> {
    tokio::select! {
        biased;
        connected = TcpStream::connect((at.connect_host.as_str(), at.connect_port)) => {
            connected.map(drop).map_err(|error| cause_of(&error))
        }
        () = clock.sleep(CONNECT) => Err(format!("no connection within {} s", CONNECT.as_secs())),
    }
}
