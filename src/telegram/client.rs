use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, ClientBuilder, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use secrecy::ExposeSecret;

use crate::settings::Proxy;

/// The time limits of one call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// Until the connection is open, including TLS.
    pub(super) connect: Duration,
    /// Until the whole answer has arrived.
    pub(super) call: Duration,
}

impl Deadlines {
    /// Telegram delays some answers by 3 s on purpose. An answer that takes 30 s will not arrive.
    pub(super) const USUAL: Self = Self { connect: Duration::from_secs(10), call: Duration::from_secs(30) };
}

/// An idle connection is closed before the servers that are common in front of a Bot API close it (after 60 s and
/// more), because a call on a closing connection fails.
pub(super) const IDLE_CONNECTION: Duration = Duration::from_secs(45);

/// How this program names itself.
pub(super) const USER_AGENT: &str = concat!("doorbell/", env!("CARGO_PKG_VERSION"));

/// Builds the HTTP client of the Bot API.
///
/// It follows no redirects, because they would send the URL with the token to another server. It uses no proxy but the
/// given one, because only `settings` reads the environment. It retries nothing, because a call that is sent twice is a
/// message that is shown twice.
pub(super) fn client(deadlines: Deadlines, proxy: Option<&Proxy>) -> Client {
    built(builder(deadlines.connect, proxy).timeout(deadlines.call))
}

/// Builds the HTTP client for calls and files that pass through. It has no deadline of the whole call, because an upload of
/// 50 MB can take minutes: the caller watches whether anything still moves.
pub(super) fn streaming_client(connect: Duration, proxy: Option<&Proxy>) -> Client {
    built(builder(connect, proxy))
}

fn builder(connect: Duration, proxy: Option<&Proxy>) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(USER_AGENT)
        .tls_backend_preconfigured(tls_config())
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE_CONNECTION)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_proxy()
        .connection_verbose(false);
    match proxy {
        Some(proxy) => builder.proxy(through(proxy)),
        None => builder,
    }
}

fn built(builder: ClientBuilder) -> Client {
    builder.build().expect("the client's settings are constant and valid")
}

/// A client without a proxy for requests that are no calls of the Bot API. `timeout` bounds each request.
pub(crate) fn http_client(timeout: Duration) -> Client {
    client(Deadlines { connect: timeout, call: timeout }, None)
}

fn through(proxy: &Proxy) -> reqwest::Proxy {
    reqwest::Proxy::all(proxy.url().expose_secret()).expect("the settings have checked the URL")
}

/// The TLS configuration towards public servers.
///
/// Mozilla's root certificates are part of the program. So an empty container image needs no bundle of certificates, and
/// nothing is read from disk at the start.
pub(crate) fn tls_config() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
        .with_no_client_auth()
}
