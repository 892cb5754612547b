//! A client for a running service: it fetches a page, delivers one update as Telegram would, or opens a connection.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;

use crate::telegram::{self, SECRET_HEADER};

/// A longer body is cut off here. No page of this program is longer.
const LONGEST_BODY: usize = 64 * 1024;

/// What the service answered.
#[derive(Debug)]
pub struct ProbeResponse {
    /// The HTTP status.
    pub status: u16,
    /// The body as text, at most the first 64 KiB of it.
    pub body: String,
}

/// The service gave no complete answer.
#[derive(Debug, thiserror::Error)]
#[error("{url} could not be reached: {reason}")]
pub struct ServiceUnreachable {
    url: String,
    /// The cause in a few words, without the URL.
    pub reason: String,
}

/// Fetches a page with GET.
///
/// # Errors
///
/// When no complete answer came within `timeout`.
pub async fn fetch(url: &str, timeout: Duration) -> Result<ProbeResponse, ServiceUnreachable> {
    send(telegram::http_client(timeout).get(url), url, timeout).await
}

/// Opens a TCP connection and closes it again. Nothing is sent, because some bots end when they are asked anything but what
/// Telegram sends.
///
/// # Errors
///
/// Why there was no connection within `timeout`, in a few words.
pub async fn connect(host: &str, port: u16, timeout: Duration) -> Result<(), String> {
    match tokio::time::timeout(timeout, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(telegram::cause_of(&error)),
        Err(_) => Err(format!("no connection within {} s", timeout.as_secs())),
    }
}

/// Delivers one update as Telegram would, with the secret token. It is sent once and never again.
///
/// # Errors
///
/// When no complete answer came within `timeout`.
pub async fn deliver(
    url: &str,
    secret: &SecretString,
    update: String,
    timeout: Duration,
) -> Result<ProbeResponse, ServiceUnreachable> {
    let request = telegram::http_client(timeout)
        .post(url)
        .header(SECRET_HEADER, secret.expose_secret())
        .header(CONTENT_TYPE, "application/json")
        .body(update);
    send(request, url, timeout).await
}

async fn send(request: RequestBuilder, url: &str, timeout: Duration) -> Result<ProbeResponse, ServiceUnreachable> {
    let unreachable = |error: reqwest::Error| ServiceUnreachable {
        url: url.to_owned(),
        reason: if error.is_timeout() {
            format!("no answer within {} s", timeout.as_secs())
        } else {
            telegram::cause_of(&error.without_url())
        },
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)?.filter(|_| body.len() < LONGEST_BODY) {
        body.extend_from_slice(&chunk);
    }
    Ok(ProbeResponse { status: response.status().as_u16(), body: String::from_utf8_lossy(&body).into_owned() })
}
