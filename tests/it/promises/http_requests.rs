use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use doorbell::app::{App, Dependencies};
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use doorbell::update::Update;
use http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt;
use tokio::runtime::Runtime;
use tower::ServiceExt;

const SECRET: &str = "test-secret";
/// A text that no response may contain; the inputs contain it.
const MARK: &str = "MARKED";

struct IgnoreUpdates;

#[async_trait]
impl Handler for IgnoreUpdates {
    async fn handle(&self, _: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        Ok(Vec::new())
    }
}

/// A service whose router is called without a connection.
static SERVICE: LazyLock<(Runtime, App)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let sources = Sources::default()
        .with("telegram.bot_token", "123456789:AAtestTokenOfNoBotAtAll0123456789")
        .with("webhook.secret_token", SECRET)
        .with("server.host", "127.0.0.1")
        .with("server.port", 0)
        .with("inbox.url", "memory:");
    let settings = Settings::load(&sources, Need::Token).expect("they are right");
    let dependencies = Dependencies { handler: Some(Arc::new(IgnoreUpdates)), ..Dependencies::default() };
    let app = runtime.block_on(async { App::build_with(settings, dependencies) }).expect("it can be built");
    (runtime, app)
});

/// The service with an in-memory inbox responds with a documented status and repeats nothing of the request. It
/// accepts nothing without the secret, and 200 means that it accepted an update.
///
/// The input is a request: a line with method and path, a line for each header, an empty line, the body. The
/// length of the body is written `=`.
pub fn http_requests(input: &[u8]) {
    let Some(request) = TestRequest::read(input) else { return };
    let (runtime, app) = &*SERVICE;
    let (head, body) = runtime.block_on(async {
        let (dispatch, asking) = (app.dispatch(), app.router().oneshot(request.to_http()));
        tokio::pin!(asking);
        let answer: Response = loop {
            tokio::select! {
                biased;
                answer = &mut asking => break answer.expect("a router does not fail"),
                () = dispatch.drain() => tokio::task::yield_now().await,
            }
        };
        let (head, body) = answer.into_parts();
        (head, body.collect().await.expect("a body").to_bytes())
    });
    let (status, text) = (head.status.as_u16(), String::from_utf8_lossy(&body));
    let documented: &[u16] = match (request.path.path(), &request.method) {
        ("/telegram/webhook", &Method::POST) if !request.knows_the_secret() => &[401],
        ("/telegram/webhook", &Method::POST) => &[200, 400, 408, 411, 413, 415, 417, 503],
        ("/healthz" | "/readyz", &Method::GET | &Method::HEAD) => &[200, 503],
        ("/", &Method::GET | &Method::HEAD) => &[200],
        ("/" | "/telegram/webhook" | "/healthz" | "/readyz", _) => &[405],
        _ => &[404],
    };
    assert!(documented.contains(&status), "{status}: {text}");
    assert!(!text.contains(MARK) && !format!("{:?}", head.headers).contains(MARK), "{:?} {text}", head.headers);
    assert_eq!(status == 405, head.headers.contains_key(ALLOW));
    if request.path.path() == "/telegram/webhook" {
        assert_eq!(status == 503, head.headers.contains_key(RETRY_AFTER));
        if status == 200 {
            assert!(text.is_empty(), "{text}");
            let update = super::json(&request.body);
            assert!(update.is_none_or(|update| update["update_id"].is_i64()), "an update was accepted");
            return;
        }
    }
    if status >= 400 && status != 503 && request.method != Method::HEAD {
        assert_eq!(head.headers.get(CONTENT_TYPE).expect("a type"), "application/problem+json");
        let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem");
        assert!(problem["status"] == status && problem["title"].is_string() && problem["detail"].is_string());
    }
}

/// A request that can be written.
struct TestRequest {
    method: Method,
    path: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl TestRequest {
    /// `None` if no client can send that request.
    fn read(input: &[u8]) -> Option<Self> {
        let end = input.windows(2).position(|window| window == b"\n\n").unwrap_or(input.len());
        let (head, body) = (&input[..end], input.get(end + 2..).unwrap_or_default());
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, path) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let headers = lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = (HeaderName::from_bytes(&line[..colon]).ok()?, line[colon + 1..].trim_ascii());
            let is_length = name == CONTENT_LENGTH && value == b"=";
            let value = if is_length { body.len().into() } else { HeaderValue::from_bytes(value).ok()? };
            Some((name, value))
        });
        Some(Self {
            method: method.parse().ok()?,
            path: path.parse().ok()?,
            headers: headers.collect(),
            body: body.to_vec(),
        })
    }

    fn to_http(&self) -> Request<Body> {
        let mut request = Request::new(self.body.clone().into());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.path.clone();
        for (name, value) in &self.headers {
            // A header map holds at most 32,768 headers; the server accepts far fewer.
            let _ = request.headers_mut().try_append(name, value.clone());
        }
        request
    }

    fn knows_the_secret(&self) -> bool {
        let mut offered = self.headers.iter().filter(|(name, _)| *name == doorbell::webhook::SECRET_HEADER);
        offered.next().is_some_and(|(_, value)| value == SECRET) && offered.next().is_none()
    }
}
