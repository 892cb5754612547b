//! A Bot API on loopback that records each request, and answers as its path says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use doorbell::sandbox::TOKEN;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::streams::Pattern;

/// Where the address of the Bot API is not only a host.
const BASE: &str = "/base";

/// A request that reached the Bot API.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    /// The path and the query below the base URL, with `TOKEN` instead of the bot token.
    pub target: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

#[derive(Clone)]
pub struct Upstream {
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Vec<Seen>>,
    /// Ends the calls that wait.
    release: Notify,
    /// The length of the last body that was only compared with the pattern.
    uploaded: Mutex<Option<usize>>,
}

impl Upstream {
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
        let upstream = Self { addr: listener.local_addr().expect("it has an address"), shared: Arc::default() };
        let router = Router::new().fallback(answer).with_state(upstream.clone());
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        upstream
    }

    pub fn url(&self) -> String {
        format!("http://{}{BASE}", self.addr)
    }

    /// The requests so far, in order.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.shared.seen).clone()
    }

    /// The only request since the last look.
    pub fn only(&self) -> Seen {
        let seen = std::mem::take(&mut *lock(&self.shared.seen));
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen.into_iter().next().expect("there is one")
    }

    /// Ends the calls of `hang` that wait.
    pub fn release(&self) {
        self.shared.release.notify_waiters();
    }

    /// The length of the last body of `upload`, if it was the pattern from its beginning to its end.
    pub fn uploaded(&self) -> Option<usize> {
        *lock(&self.shared.uploaded)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The answer of most methods, with two spaces by which a test sees that it is not written anew.
pub const OK: &str = r#"{"ok":true,  "result":{"é":1}}"#;

async fn answer(State(upstream): State<Upstream>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let target = head.uri.to_string().replace(TOKEN, "TOKEN");
    let target = target.strip_prefix(BASE).unwrap_or(&target).to_owned();
    let name = target.split('?').next().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
    let record = |body: Bytes| {
        let seen =
            Seen { method: head.method.to_string(), target: target.clone(), headers: head.headers.clone(), body };
        lock(&upstream.shared.seen).push(seen);
    };
    match name.as_str() {
        "upload" => {
            let length = Pattern::default().matches(body).await;
            *lock(&upstream.shared.uploaded) = length;
            json(StatusCode::OK, OK)
        }
        "refuseUpload" => {
            record(Bytes::new());
            json(
                StatusCode::PAYLOAD_TOO_LARGE,
                r#"{"ok":false,"error_code":413,"description":"Request Entity Too Large"}"#,
            )
        }
        "hang" => {
            record(read(body).await);
            upstream.shared.release.notified().await;
            json(StatusCode::OK, OK)
        }
        "throttle" => {
            record(read(body).await);
            json(
                StatusCode::TOO_MANY_REQUESTS,
                r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
            )
        }
        "redirect" => {
            record(read(body).await);
            let mut response = json(StatusCode::FOUND, "");
            response.headers_mut().insert("location", HeaderValue::from_static("http://127.0.0.1:1/elsewhere"));
            response
        }
        "large.bin" => Pattern::default().response().into_response(),
        _ => {
            record(read(body).await);
            let mut response = json(StatusCode::OK, OK);
            let own = HeaderName::from_static("x-own");
            response.headers_mut().insert(own, HeaderValue::from_static("passes"));
            response
        }
    }
}

async fn read(body: Body) -> Bytes {
    body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default()
}

fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = (status, body.into()).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
