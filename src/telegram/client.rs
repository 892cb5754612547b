use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, redirect, retry};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use secrecy::ExposeSecret;

use crate::settings::Proxy;

/// How long the parts of one call may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// Until there is a connection, TLS included.
    pub(super) connect: Duration,
    /// Until the whole answer is there.
    pub(super) call: Duration,
}

impl Deadlines {
    /// Telegram delays some answers by 3 s on purpose; one that takes 30 s is not coming.
    pub(super) const USUAL: Self = Self { connect: Duration::from_secs(10), call: Duration::from_secs(30) };
}

/// An idle connection is given up before the servers commonly in front of a Bot API would close it
/// (60 s and more), because a call sent into a closing connection fails.
const IDLE_CONNECTION: Duration = Duration::from_secs(45);

/// The one client of the Bot API.
///
/// No redirects, because they would carry the URL with the token elsewhere; no proxy but the one that
/// is given, because settings alone read the environment; no retries below, because a call sent twice
/// is a message sent twice.
pub(super) fn client(deadlines: Deadlines, proxy: Option<&Proxy>) -> Client {
    let builder = Client::builder()
        .user_agent(concat!("doorbell/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls())
        .http1_only()
        .tcp_nodelay(true)
        .connect_timeout(deadlines.connect)
        .timeout(deadlines.call)
        .pool_idle_timeout(IDLE_CONNECTION)
        .redirect(redirect::Policy::none())
        .referer(false)
        .retry(retry::never())
        .no_proxy()
        .connection_verbose(false);
    let builder = match proxy {
        Some(proxy) => builder.proxy(by_way_of(proxy)),
        None => builder,
    };
    builder.build().expect("the client's settings are constant and right")
}

/// A client without a proxy for requests that are no calls of the Bot API. `timeout` bounds each request.
pub(crate) fn http_client(timeout: Duration) -> Client {
    client(Deadlines { connect: timeout, call: timeout }, None)
}

fn by_way_of(proxy: &Proxy) -> reqwest::Proxy {
    reqwest::Proxy::all(proxy.url().expose_secret()).expect("the settings have read the URL")
}

/// TLS towards public servers, for whoever else builds an HTTP client.
///
/// The root certificates (Mozilla's) are part of the program: an image made from scratch needs no
/// bundle of them, and nothing is read from disk at start.
///
/// # Panics
///
/// Never: the versions and ciphers are constant and fit one another.
#[must_use]
pub fn tls() -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
        .with_no_client_auth()
}
