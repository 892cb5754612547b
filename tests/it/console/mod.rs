//! The operator's console over HTTP: who gets in, what each page says in each store, and what its actions do.

mod actions;
mod login;
mod pages;
mod pause;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::telegram::Call;
use doorbell::update::Update;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::harness::{Answer, MARK, TestApp, TestAppBuilder, text};

/// The operator's token. Every page is searched for it.
pub(super) fn token() -> String {
    format!("operator-token-{MARK}")
}

/// A service with a console.
pub(super) fn with_console() -> TestAppBuilder {
    TestAppBuilder::default().with("console.token", token())
}

/// A request to the console.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, String)>,
    form: String,
}

impl<'a> Request<'a> {
    fn get(path: &'a str) -> Self {
        Self { method: "GET", path, headers: Vec::new(), form: String::new() }
    }

    fn post(path: &'a str, form: &[(&str, &str)]) -> Self {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        Self { method: "POST", path, headers: Vec::new(), form }
    }

    fn with(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sends it on a new connection. Returns the answer, and its head as it was sent.
    async fn send(self, addr: SocketAddr) -> (Answer, String) {
        let Self { method, path, headers, form } = self;
        let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let headers = headers.concat();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {addr}\r\n{headers}Content-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{form}",
            form.len()
        );
        let mut stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let head = String::from_utf8_lossy(&bytes).split("\r\n\r\n").next().unwrap_or_default().to_owned();
        (Answer::read(&bytes), head)
    }
}

/// An operator with a session.
#[derive(Clone)]
pub(super) struct Operator {
    addr: SocketAddr,
    pub(super) session: String,
}

impl Operator {
    pub(super) async fn log_in(app: &TestApp) -> Self {
        let (answer, head) = Request::post("/console/login", &[("token", &token())]).send(app.addr).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console")), "{answer:?}");
        Self { addr: app.addr, session: session(&head).expect("a session") }
    }

    async fn send(&self, request: Request<'_>) -> Answer {
        request.with("Cookie", format!("a=b; doorbell_session={}", self.session)).send(self.addr).await.0
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path)).await
    }

    async fn json(&self, path: &str) -> Value {
        let answer = self.send(Request::get(path).with("Accept", "application/json")).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json")),
            "{path}: {answer:?}"
        );
        answer.json()
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(Request::post(path, form)).await
    }
}

/// The session that an answer sets.
fn session(head: &str) -> Option<String> {
    let cookie = head.lines().find(|line| line.to_lowercase().starts_with("set-cookie:"))?;
    let value = cookie.split_once("doorbell_session=")?.1.split(';').next()?;
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

/// A handler that rejects a message, with its text as the reason, unless the text is `fine` or the test has repaired it.
#[derive(Clone, Default)]
struct Rejects {
    repaired: Arc<AtomicBool>,
}

#[async_trait]
impl Handler for Rejects {
    async fn handle(&self, update: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        let text = text(update);
        if text == "fine" || self.repaired.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        Err(HandlerError::Reject(format!("rejected {text}")))
    }
}
