//! A handler in Rust reads from the Bot API, downloads a file and sends one, within the limits of all other calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::sandbox::TOKEN;
use doorbell::telegram::{ApiError, Call, InputFile};
use doorbell::update::Update;
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::waiting::until;
use crate::harness::{TestApp, TestAppBuilder, message, text};

const PHOTO: &[u8] = b"\x89PNG\r\n\x00\xff";

/// A Bot API that carries out every call, with the results of the tests.
async fn telegram() -> MockServer {
    let server = MockServer::start().await;
    let ok = |result: Value| ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "result": result }));
    for (name, result) in [
        ("getMe", json!({ "id": 123_456_789, "is_bot": true, "first_name": "Bot", "username": "a_bot" })),
        ("getChatMember", json!({ "status": "administrator" })),
        ("getFile", json!({ "file_id": "F", "file_path": "photos/file_1.png" })),
        ("sendMessage", json!({})),
        ("sendDocument", json!({})),
    ] {
        Mock::given(path(format!("/bot{TOKEN}/{name}"))).respond_with(ok(result)).mount(&server).await;
    }
    let file = Mock::given(method("GET")).and(path(format!("/file/bot{TOKEN}/photos/file_1.png")));
    file.respond_with(ResponseTemplate::new(200).set_body_bytes(PHOTO)).mount(&server).await;
    server
}

/// What the handler does, by the text of the message.
struct Reads {
    runs: Arc<AtomicUsize>,
}

#[async_trait]
impl Handler for Reads {
    async fn handle(&self, update: &Update, context: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match text(update).as_str() {
            "who" => {
                let ask = Call::new("getChatMember").with("chat_id", 7).with("user_id", 7);
                let member = context.api.call(&ask).await?;
                Ok(vec![Call::send_message(7, member["status"].as_str().unwrap_or_default())])
            }
            "copy" => {
                let file = context.api.call(&Call::new("getFile").with("file_id", "F")).await?;
                let bytes = context.api.download(file["file_path"].as_str().unwrap_or_default(), 1 << 20).await?;
                let copy = InputFile { parameter: "document".to_owned(), name: "copy.png".to_owned(), bytes };
                Ok(vec![Call::new("sendDocument").with("chat_id", 7).with_files(&[copy])?])
            }
            "webhook" => {
                let refused = context.api.call(&Call::new("DELETEwebhook")).await;
                assert!(matches!(refused, Err(ApiError::NotAllowed { .. })), "{refused:?}");
                Ok(vec![Call::send_message(7, "refused")])
            }
            _ => Ok(Vec::new()),
        }
    }
}

async fn app(telegram: &MockServer) -> (TestApp, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let app = TestAppBuilder::default()
        .with("telegram.api_url", telegram.uri())
        .with("webhook.register", false)
        .with_handler(Reads { runs: Arc::clone(&runs) })
        .start()
        .await;
    (app, runs)
}

/// The requests of a method.
async fn calls(telegram: &MockServer, name: &str) -> Vec<wiremock::Request> {
    let requests = telegram.received_requests().await.expect("they are recorded");
    requests.into_iter().filter(|request| request.url.path().ends_with(&format!("/{name}"))).collect()
}

#[tokio::test]
async fn a_handler_uses_the_result_of_a_call() {
    let telegram = telegram().await;
    let (app, _) = app(&telegram).await;
    assert_eq!(app.deliver(&message(1, 7, "who")).await.status, 200);
    app.drain().await;
    let sent: Vec<Value> = calls(&telegram, "sendMessage").await.iter().map(|call| call.body_json().unwrap()).collect();
    assert_eq!(sent, [json!({ "chat_id": 7, "text": "administrator" })]);
}

#[tokio::test]
async fn a_handler_downloads_a_file_and_sends_it_byte_for_byte() {
    let telegram = telegram().await;
    let (app, _) = app(&telegram).await;
    app.deliver(&message(1, 7, "copy")).await;
    app.drain().await;
    let [sent] = &calls(&telegram, "sendDocument").await[..] else { panic!("one is sent") };
    let content_type = sent.headers.get("content-type").unwrap().to_str().unwrap();
    assert!(content_type.starts_with("multipart/form-data; boundary="), "{content_type}");
    assert!(sent.body.windows(PHOTO.len()).any(|part| part == PHOTO));
    let head = b"name=\"document\"; filename=\"copy.png\"";
    assert!(sent.body.windows(head.len()).any(|part| part == head));
}

#[tokio::test]
async fn a_handler_cannot_change_the_registration() {
    let telegram = telegram().await;
    let (app, _) = app(&telegram).await;
    app.deliver(&message(1, 7, "webhook")).await;
    app.drain().await;
    assert_eq!(calls(&telegram, "sendMessage").await.len(), 1);
    let requests = telegram.received_requests().await.unwrap();
    assert!(requests.iter().all(|request| !request.url.path().to_lowercase().contains("webhook")), "{requests:?}");
}

#[tokio::test]
async fn a_wait_that_telegram_asks_a_handler_for_holds_every_call_of_that_chat_and_costs_no_attempt() {
    let telegram = telegram().await;
    let throttled = json!({ "ok": false, "error_code": 429, "description": "Too Many Requests: retry after 1",
        "parameters": { "retry_after": 1 } });
    Mock::given(path(format!("/bot{TOKEN}/getChatMember")))
        .and(body_partial_json(json!({ "chat_id": 7 })))
        .respond_with(ResponseTemplate::new(429).set_body_json(throttled))
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&telegram)
        .await;
    let (app, runs) = app(&telegram).await;
    app.deliver(&message(1, 7, "who")).await;
    until("the reply", async || (calls(&telegram, "sendMessage").await.len() == 1).then_some(())).await;
    assert!(runs.load(Ordering::SeqCst) >= 2, "the handler ran again");
    assert_eq!(calls(&telegram, "getChatMember").await.len(), 2, "no call was made while it had to wait");
    until("it is done", async || (app.survey().await.held == 0).then_some(())).await;
    let attempts = app.attempts();
    assert_eq!(attempts.of(doorbell::inbox::VerdictKind::Retry).get(), 0);
}
