use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::clock::{self, ManualClock};
use crate::update::UpdateId;

/// A sandbox whose clock the test moves.
pub(super) struct TestSandbox {
    pub(super) sandbox: Sandbox,
    pub(super) clock: ManualClock,
    pub(super) shutdown: Shutdown,
}

impl Drop for TestSandbox {
    fn drop(&mut self) {
        self.shutdown.stop_hard();
    }
}

/// A response of the sandbox.
pub(super) struct HttpResponse {
    pub(super) code: u16,
    pub(super) head: String,
    pub(super) body: Value,
}

impl TestSandbox {
    pub(super) async fn start() -> Self {
        let clock = ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap());
        let shutdown = Shutdown::new();
        let listen = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start(listen, Arc::new(clock.clone()), &shutdown).await.unwrap();
        Self { sandbox, clock, shutdown }
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Seconds since the start.
    pub(super) fn second(at: Timestamp) -> i64 {
        at.as_second() - 1_700_000_000
    }

    pub(super) async fn call(&self, method: &str, params: Value) -> HttpResponse {
        self.http("POST", &format!("/bot{TOKEN}/{method}"), &params.to_string()).await.unwrap()
    }

    pub(super) async fn description(&self, method: &str, params: Value) -> String {
        self.call(method, params).await.body["description"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends one request on its own connection. Returns none if it is closed without a response.
    pub(super) async fn http(&self, verb: &str, path: &str, body: &str) -> Option<HttpResponse> {
        self.typed(verb, path, "application/json", body.as_bytes()).await
    }

    /// The same with a content type.
    pub(super) async fn typed(&self, verb: &str, path: &str, content_type: &str, body: &[u8]) -> Option<HttpResponse> {
        let (head, body) = self.bytes(verb, path, content_type, body).await?;
        let body = String::from_utf8(body).ok()?;
        let body = serde_json::from_str(&body).unwrap_or_else(|_| Value::from(body));
        Some(HttpResponse { code: head.split(' ').nth(1)?.parse().ok()?, head: head.to_ascii_lowercase(), body })
    }

    /// The same. Returns the head and the body as bytes.
    pub(super) async fn bytes(
        &self,
        verb: &str,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> Option<(String, Vec<u8>)> {
        let mut stream = TcpStream::connect(self.sandbox.addr()).await.unwrap();
        let length = body.len();
        let head =
            format!("{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
        let head = format!("{head}Content-Type: {content_type}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok()?;
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
        Some((String::from_utf8(answer[..end].to_vec()).ok()?, answer[end + 4..].to_vec()))
    }

    /// Starts a receiver and sets it as the webhook.
    pub(super) async fn receiver(&self, more: Value) -> Receiver {
        let receiver = Receiver::start(&self.shutdown).await;
        let mut params = json!({"url": receiver.url()});
        params.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.advance(1);
        assert_eq!(self.description("setWebhook", params).await, "Webhook was set");
        receiver
    }

    /// Returns once there are this many attempts and each has an outcome.
    pub(super) async fn settled(&self, attempts: usize) {
        let settled = |sandbox: &Sandbox| {
            let deliveries = sandbox.deliveries();
            deliveries.len() == attempts && deliveries.iter().all(|delivery| delivery.outcome != DeliveryOutcome::Sent)
        };
        self.sandbox.until(settled).await;
    }
}

/// A webhook that passes each request to the test, which answers it.
pub(super) struct Receiver {
    addr: SocketAddr,
    requests: mpsc::UnboundedReceiver<ReceivedRequest>,
}

/// A request that reached the receiver.
pub(super) struct ReceivedRequest {
    pub(super) connection: usize,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    answer: oneshot::Sender<String>,
}

impl ReceivedRequest {
    pub(super) fn id(&self) -> UpdateId {
        let body = String::from_utf8_lossy(&self.body);
        UpdateId(body.split([':', ',']).nth(1).unwrap().parse().unwrap())
    }

    /// Sends this response. An empty one closes the connection.
    pub(super) fn answer(self, answer: impl Into<String>) {
        self.answer.send(answer.into()).ok();
    }

    pub(super) fn ok(self) {
        self.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }

    pub(super) fn fail(self, headers: &str) {
        self.answer(format!("HTTP/1.1 503 Service Unavailable\r\n{headers}Content-Length: 0\r\n\r\n"));
    }
}

impl Receiver {
    pub(super) async fn start(shutdown: &Shutdown) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (show, requests) = mpsc::unbounded_channel();
        let tasks = shutdown.tasks.clone();
        shutdown.tasks.spawn(async move {
            for connection in 1.. {
                let (stream, _) = listener.accept().await.unwrap();
                tasks.spawn(Self::serve(stream, connection, show.clone()));
            }
        });
        Self { addr, requests }
    }

    async fn serve(mut stream: TcpStream, connection: usize, show: mpsc::UnboundedSender<ReceivedRequest>) {
        let mut unread = Vec::new();
        loop {
            let head = loop {
                if let Some(end) = unread.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                    break String::from_utf8(unread.drain(..end + 4).collect()).unwrap();
                }
                if stream.read_buf(&mut unread).await.unwrap_or(0) == 0 {
                    return;
                }
            };
            let length = head.split_once("Content-Length: ").unwrap().1.lines().next().unwrap().parse().unwrap();
            while unread.len() < length {
                stream.read_buf(&mut unread).await.unwrap();
            }
            let (answer, answered) = oneshot::channel();
            let body = unread.drain(..length).collect();
            show.send(ReceivedRequest { connection, head, body, answer }).ok();
            match answered.await {
                Ok(answer) if !answer.is_empty() => stream.write_all(answer.as_bytes()).await.ok(),
                _ => return,
            };
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.addr)
    }

    pub(super) async fn next(&mut self) -> ReceivedRequest {
        self.requests.recv().await.unwrap()
    }
}

#[tokio::test]
async fn a_user_writes_and_the_bot_replies() {
    let telegram = TestSandbox::start().await;
    let mut receiver = telegram.receiver(json!({})).await;
    let sent = telegram.http("POST", "/sandbox/messages", r#"{"text": "/start"}"#).await.unwrap();
    let update = receiver.next().await;
    assert_eq!((sent.code, &sent.body["update_id"]), (200, &json!(update.id())));
    telegram.call("sendMessage", json!({"chat_id": 1, "text": "Hello, Ann!"})).await;
    update.ok();
    telegram.sandbox.idle().await;
    let messages = telegram.http("GET", "/sandbox/messages?chat=1", "").await.unwrap().body;
    assert_eq!(
        (&messages[0]["from"], &messages[0]["text"], &messages[0]["update_id"]),
        (&json!("Ann"), &json!("/start"), &sent.body["update_id"])
    );
    assert_eq!((&messages[1]["bot"], &messages[1]["text"]), (&json!(true), &json!("Hello, Ann!")));
}

#[tokio::test]
async fn with_the_system_clock_a_healthy_receiver_gets_updates_at_once() {
    let shutdown = Shutdown::new();
    let listen = "127.0.0.1:0".parse().unwrap();
    let sandbox = Sandbox::start(listen, Arc::new(clock::SystemClock), &shutdown).await.unwrap();
    let mut receiver = Receiver::start(&shutdown).await;
    sandbox.take_over_webhook(&receiver.url()).unwrap();
    for text in ["a", "b", "c"] {
        sandbox.send_text(1, "Ann", text);
        receiver.next().await.ok();
    }
    sandbox.idle().await;
    shutdown.stop_hard();
}

#[tokio::test]
async fn the_refusal_of_a_bad_body_says_what_is_expected() {
    let telegram = TestSandbox::start().await;
    for body in ["", "{}", r#"{"text": ""}"#, r#"{"text": "a", "chat": 0}"#, r#"{"text": "a", "chta": 1}"#] {
        let refused = telegram.http("POST", "/sandbox/messages", body).await.unwrap();
        let title = refused.body["title"].as_str().unwrap();
        assert!(refused.code == 400 && title.contains(r#"expected: {"text": "/start"}"#), "{body}: {title}");
    }
    assert_eq!(telegram.http("GET", "/sandbox/elsewhere", "").await.unwrap().code, 404);
}

#[tokio::test]
async fn a_page_of_another_site_is_refused() {
    let telegram = TestSandbox::start().await;
    let mut stream = TcpStream::connect(telegram.sandbox.addr()).await.unwrap();
    let request =
        "GET /sandbox HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://example.org\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
}

#[tokio::test]
async fn an_update_of_a_kind_that_the_bot_does_not_receive_uses_no_id() {
    let telegram = TestSandbox::start().await;
    let first = telegram.sandbox.send_text(1, "Ann", "a");
    assert_eq!(telegram.sandbox.push("chat_member", json!({})), NOT_RECEIVED);
    assert_eq!(telegram.sandbox.send_text(1, "Ann", "b"), UpdateId(first.0 + 1));
}

#[tokio::test]
async fn the_scenarios_change_the_webhook_and_record_their_calls() {
    let telegram = TestSandbox::start().await;
    let receiver = telegram.receiver(json!({"secret_token": "ours"})).await;
    for path in ["/sandbox/scenarios/changed-secret", "/sandbox/scenes/changed-secret"] {
        assert_eq!(telegram.http("POST", path, "").await.unwrap().code, 200, "{path}");
    }
    assert!(telegram.sandbox.webhook().unwrap().secret.is_some_and(|secret| secret != "ours"));
    let url = r#"{"url": "https://other.example/hook"}"#;
    assert_eq!(telegram.http("POST", "/sandbox/scenarios/second-service", url).await.unwrap().code, 200);
    assert_eq!(
        telegram.http("POST", "/sandbox/scenarios/second-service", r#"{"url": "ftp://x"}"#).await.unwrap().code,
        400
    );
    telegram.sandbox.take_over_webhook("https://other.example/hook").unwrap();
    let taken = telegram.sandbox.webhook().unwrap();
    assert_eq!((taken.url.as_str(), taken.secret), ("https://other.example/hook", None));
    assert_eq!(telegram.http("POST", "/sandbox/scenarios/polling-copy", "").await.unwrap().code, 200);
    assert_eq!(telegram.sandbox.webhook(), None);
    let calls: Vec<(String, Option<u16>)> =
        telegram.sandbox.calls().into_iter().map(|call| (call.method, call.code)).collect();
    assert_eq!(calls[4..], [("deleteWebhook".to_owned(), Some(200)), ("getUpdates".to_owned(), Some(200))]);
    drop(receiver);
}

#[tokio::test]
async fn the_sandbox_stops_with_the_soft_stop() {
    let telegram = TestSandbox::start().await;
    let _receiver = telegram.receiver(json!({})).await;
    let shutdown = Shutdown::new();
    let clock: SharedClock = Arc::new(telegram.clock.clone());
    let sandbox = Sandbox::start("127.0.0.1:0".parse().unwrap(), clock, &shutdown).await.unwrap();
    sandbox.take_over_webhook(&telegram.sandbox.api_url()).unwrap();
    sandbox.send_text(1, "Ann", "a");
    shutdown.tasks.close();
    shutdown.soft.cancel();
    shutdown.tasks.wait().await;
}
