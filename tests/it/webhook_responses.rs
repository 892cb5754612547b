//! The responses of the webhook and the health routes: the statuses of the contract, each with a body that says
//! what to do.

use std::future::pending;

use async_trait::async_trait;
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::telegram::Call;
use doorbell::update::Update;
use serde_json::Value;

use crate::harness::{Answer, RawConnection, SECRET, TestApp, TestAppBuilder, message, post, raw};

async fn ask(app: &TestApp, head: &str) -> Answer {
    raw(app.addr, format!("{head}\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes()).await
}

fn assert_problem(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.headers.contains("content-type: application/problem+json"), "{answer:?}");
    let keys: Vec<Option<usize>> =
        ["{\"type\":", ",\"title\":", ",\"status\":", ",\"detail\":"].map(|key| answer.body.find(key)).into();
    assert!(keys.is_sorted() && keys[0] == Some(0) && answer.body.ends_with("}\n"), "{}", answer.body);
    assert_eq!(answer.json()["status"], status);
}

#[tokio::test]
async fn a_missing_and_a_wrong_secret_get_the_same_response() {
    let app = TestApp::spawn().await;
    let update = message(1, 7, "hello");
    let mut missing = post(app.addr, None, update.to_string().as_bytes()).await;
    let mut wrong = post(app.addr, Some("marked-secret"), b"{\"marked\": 1}").await;
    for answer in [&mut missing, &mut wrong] {
        assert_problem(answer, 401);
        assert!(!answer.body.contains("marked"), "{}", answer.body);
        answer.headers = answer.headers.lines().filter(|line| !line.starts_with("date:")).collect();
    }
    assert_eq!((missing.headers, missing.body), (wrong.headers, wrong.body));
}

#[tokio::test]
async fn each_refusal_says_what_to_do_and_repeats_nothing() {
    let app = TestApp::spawn().await;
    let head = format!("POST /telegram/webhook HTTP/1.1\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}");
    assert_problem(&post(app.addr, Some(SECRET), b"marked").await, 400);
    assert_problem(&ask(&app, &head).await, 411);
    assert_problem(&ask(&app, &format!("{head}\r\nTransfer-Encoding: chunked")).await, 411);
    assert_problem(&ask(&app, &format!("{head}\r\nContent-Length: 1048577")).await, 413);
    assert_problem(&ask(&app, &format!("{head}\r\nContent-Length: 9\r\nContent-Encoding: gzip")).await, 415);
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let answer = ask(&app, &format!("{method} /telegram/webhook HTTP/1.1")).await;
        assert_problem(&answer, 405);
        assert!(answer.headers.contains("\r\nallow: post\r\n"), "{answer:?}");
    }
    let head_only = ask(&app, "HEAD /telegram/webhook HTTP/1.1").await;
    assert_eq!((head_only.status, head_only.body.as_str()), (405, ""));
    for path in ["/marked", "/telegram/webhook/", "//telegram/webhook", "/metrics/marked"] {
        let answer = ask(&app, &format!("GET {path} HTTP/1.1")).await;
        assert_problem(&answer, 404);
        assert!(!answer.body.contains("marked"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_refused_100_mb_body_costs_nothing_and_the_answer_can_be_read() {
    let app = TestApp::spawn().await;
    let length = 100_000_000;
    let head = |secret| {
        format!(
            "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {secret}\r\n\
             Content-Length: {length}\r\n\r\n"
        )
    };
    for (secret, status) in [("wrong", 401), (SECRET, 413)] {
        let mut wire = RawConnection::connect(app.addr).await;
        // Less than the whole body: the response comes without it.
        wire.send(head(secret)).await;
        wire.send(vec![b'x'; 500_000]).await;
        let answer = wire.answer().await;
        assert_problem(&answer, status);
        assert!(answer.headers.contains("connection: close"), "{answer:?}");
        assert_eq!(wire.closed().await, "");
    }
}

#[tokio::test]
async fn a_request_with_expect_never_gets_100_continue() {
    let app = TestApp::spawn().await;
    for (secret, status) in [("wrong", "401"), (SECRET, "417")] {
        let head = format!(
            "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {secret}\r\n\
             Content-Length: 15\r\nExpect: 100-continue\r\n\r\n"
        );
        let mut wire = RawConnection::connect(app.addr).await;
        wire.send(head).await;
        let answers = wire.closed().await;
        assert!(
            answers.starts_with(&format!("HTTP/1.1 {status} ")) && answers.matches("HTTP/1.1").count() == 1,
            "{answers}"
        );
        assert!(answers.contains("\r\nconnection: close\r\n"), "{answers}");
    }
}

#[tokio::test]
async fn the_largest_update_of_telegrams_is_stored() {
    let app = TestApp::spawn().await;
    let mut update = message(1, 7, "");
    update["message"]["text"] = "x".repeat(512 * 1024).into();
    let answer = app.deliver(&update).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    app.drain().await;
}

#[tokio::test]
async fn malformed_json_is_stored_as_it_came_or_refused_and_never_answered_500() {
    let app = TestApp::spawn().await;
    let wide = format!("{{\"update_id\":1,\"x\":[{}1]}}", "1,".repeat(500_000));
    let deep = format!("{{\"update_id\":2,\"x\":{}{}}}", "[".repeat(400_000), "]".repeat(400_000));
    let deep_first = format!("{{\"x\":{}{},\"update_id\":3}}", "{\"a\":".repeat(100_000) + "1", "}".repeat(100_000));
    let nested = format!("{{\"update_id\":15,{}1{}", "\"message\":{".repeat(5_000) + "\"date\":", "}".repeat(5_001));
    for (body, status) in [
        (wide.as_bytes(), 200),
        (deep.as_bytes(), 200),
        (deep_first.as_bytes(), 200),
        ("[".repeat(1_000_000).as_bytes(), 400),
        (br#"{"update_id":4,"message":{},"message":{"chat":{"id":1}}}"#, 200),
        (br#"{"update_id":5,"update_id":6}"#, 200),
        (br#"{"update_id":7,"x":"\ud800"}"#, 200),
        (br#"{"\ud800":1,"update_id":13}"#, 200),
        (br#"{"x":1e400,"update_id":14}"#, 200),
        (nested.as_bytes(), 200),
        (br#"{"update_id":8,"x":-0,"y":1e400,"z":-1E-999999}"#, 200),
        (b"{\"update_id\":9,\"x\":\"\xff\xc3(\"}", 200),
        (b"\xef\xbb\xbf{\"update_id\":10}", 200),
        (br#"{"update_id":-11}"#, 200),
        (br#"{"update_id":9223372036854775807}"#, 200),
        (br#"{"message":{"message":{"message":7}},"update_id":12}"#, 200),
        (br#"{"update_id":9223372036854775808}"#, 400),
        (br#"{"update_id":"1"}"#, 400),
        (br#"{"update_id":1.5}"#, 400),
        (br#"{"update_id":NaN}"#, 400),
        (br#"{"update_id":1"#, 400),
        (br#"{"message":{"update_id":1}}"#, 400),
        (b"{}", 400),
        (b"", 400),
        (b"\0\0\0", 400),
        (b"null", 400),
    ] {
        let answer = post(app.addr, Some(SECRET), body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]);
        assert_eq!(answer.status, status, "{shown}: {answer:?}");
    }
    app.drain().await;
}

/// A handler that never ends.
struct Hangs;

#[async_trait]
impl Handler for Hangs {
    async fn handle(&self, _: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        pending().await
    }
}

#[tokio::test]
async fn a_full_inbox_answers_503_with_retry_after() {
    let mut app = TestAppBuilder::default().with("inbox.capacity", 1).with_handler(Hangs).start().await;
    app.allow_unfinished_work = true;
    assert_eq!(app.deliver(&message(1, 7, "one")).await.status, 200);
    let full = app.deliver(&message(2, 8, "two")).await;
    assert_problem(&full, 503);
    assert!(full.headers.contains("\r\nretry-after: 1\r\n"), "{full:?}");
    assert_eq!(app.deliver(&message(1, 7, "one")).await.status, 200, "what is known is acknowledged");
    let ready = ask(&app, "GET /readyz HTTP/1.1").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("the inbox is full"), "{}", ready.body);
    assert_eq!(ask(&app, "GET /healthz HTTP/1.1").await.status, 200);
}

#[tokio::test]
async fn the_keys_of_healthz_are_in_reading_order() {
    let app = TestApp::spawn().await;
    app.deliver(&message(1, 7, "hello")).await;
    app.drain().await;
    let answer = ask(&app, "GET /healthz HTTP/1.1").await;
    let keys = ["status", "version", "uptime_s", "webhook", "handling", "bot", "inbox", "updates", "advice"];
    let positions: Vec<_> = keys.iter().map(|key| answer.body.find(&format!("\"{key}\":"))).collect();
    assert!(positions.is_sorted() && positions[0] == Some(1), "{}", answer.body);
    let health = answer.json();
    assert_eq!((&health["status"], &health["webhook"]["standing"]), (&Value::from("ok"), &Value::from("active")));
    assert_eq!(health["updates"]["stored"], 1);
    assert_eq!(health.as_object().map(serde_json::Map::len), Some(keys.len()));
    assert_eq!(ask(&app, "GET /readyz HTTP/1.1").await.json()["ready"], true);
    for path in ["/healthz", "/readyz"] {
        let head = ask(&app, &format!("HEAD {path} HTTP/1.1")).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""));
    }
}
