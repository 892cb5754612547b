//! Events that happen many times cause few log lines: one when they begin, one a minute with a count, and one when they are
//! over.

use std::path::Path as FilePath;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::harness::{
    KeepAliveClient, Program, SECRET, echo_settings, echo_variables, fetch, free_port, message, post, serve_echo_at,
    waiting,
};

/// Starts a bot that answers `/echo N` and registers nothing.
fn serve(api: &str, folder: &TempDir, more: &[(&str, &str)]) -> Program {
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let quiet = [("LOG_FORMAT", "json"), ("DOORBELL__WEBHOOK__REGISTER", "false")];
    let more: Vec<_> = quiet.iter().chain(more).copied().collect();
    serve_echo_at(api, &inbox, folder.path(), &more)
}

/// Waits until the log contains a text, and returns how often it does.
async fn logged(log: &FilePath, text: &str) -> usize {
    let count = async || Some(std::fs::read_to_string(log).ok()?.matches(text).count()).filter(|count| *count > 0);
    waiting::until(text, count).await
}

/// A Bot API that can be away and counts requests.
#[derive(Clone, Default)]
struct FakeApi {
    away: Arc<AtomicBool>,
    /// The chats of all `sendMessage` requests.
    asked: Arc<Mutex<Vec<i64>>>,
    /// The chats of the messages that were sent.
    sent: Arc<Mutex<Vec<i64>>>,
}

impl FakeApi {
    async fn start() -> (Self, String) {
        let api = Self::default();
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = |State(api): State<Self>, Path((_, method)): Path<(String, String)>, body: String| async move {
            api.answer(&method, &body)
        };
        let router = axum::Router::new().route("/{bot}/{method}", axum::routing::post(answer)).with_state(api.clone());
        #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
        tokio::task::spawn(async move { axum::serve(listener, router).await });
        (api, url)
    }

    fn answer(&self, method: &str, body: &str) -> (StatusCode, String) {
        let chat = serde_json::from_str::<Value>(body).ok().and_then(|call| call["chat_id"].as_i64());
        if method == "sendMessage" {
            self.asked.lock().unwrap().extend(chat);
        }
        if self.away.load(Ordering::SeqCst) {
            return (StatusCode::BAD_GATEWAY, "<html>".to_owned());
        }
        if method == "sendMessage" {
            self.sent.lock().unwrap().extend(chat);
        }
        let me = json!({ "ok": true, "result": { "id": 1, "is_bot": true, "first_name": "a", "username": "a_bot" } });
        (StatusCode::OK, me.to_string())
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

/// The warnings and errors of a log, without those about the registration.
fn warnings(log: &FilePath) -> Vec<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let is_problem = |line: &&str| line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"");
    log.lines().filter(is_problem).filter(|line| !line.contains("::registrar")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_telegram_is_away_one_call_at_a_time_probes_it_and_few_lines_are_logged() {
    const CHATS: i64 = 200;
    /// The default of `dispatch.concurrency`: the number of calls in progress when the first one fails.
    const AT_ONCE: usize = 64;
    let (telegram, url) = FakeApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut program = serve(&url, &folder, &[("RUST_LOG", "info")]);
    telegram.away.store(true, Ordering::SeqCst);
    let mut line = KeepAliveClient::connect(program.addr).await.unwrap();
    for chat in 1..=CHATS {
        assert_eq!(line.deliver(&message(chat, chat, "/echo 1")).await.unwrap().status, 200);
    }
    // Some calls were being made when the first one failed. From then on one call probes after 1, 2 and 4 seconds.
    logged(&log, "Telegram does not carry out calls").await;
    let before = telegram.asked();
    assert!(before <= AT_ONCE + 1, "{before} calls");
    waiting::until("three more probes", async || (telegram.asked() >= before + 3).then_some(())).await;
    assert!(telegram.asked() <= before + 4, "{} calls", telegram.asked());
    assert!(telegram.sent.lock().unwrap().is_empty());
    let lines = warnings(&log);
    assert!((1..=2).contains(&lines.len()), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("Telegram does not carry out calls")), "{lines:#?}");
    telegram.away.store(false, Ordering::SeqCst);
    let all = async || (telegram.sent.lock().unwrap().len() >= usize::try_from(CHATS).unwrap()).then_some(());
    waiting::until("all are answered", all).await;
    let mut answered = telegram.sent.lock().unwrap().clone();
    answered.sort_unstable();
    assert_eq!(answered, (1..=CHATS).collect::<Vec<_>>(), "each once");
    assert_eq!(warnings(&log).len(), lines.len());
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("Telegram is available again").count(), 1);
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_calls_wait_for_telegram_stops_at_once() {
    let (telegram, url) = FakeApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut program = serve(&url, &folder, &[]);
    telegram.away.store(true, Ordering::SeqCst);
    let mut line = KeepAliveClient::connect(program.addr).await.unwrap();
    for chat in 1..=100 {
        assert_eq!(line.deliver(&message(chat, chat, "/echo 1")).await.unwrap().status, 200);
    }
    waiting::until("calls wait", async || (telegram.asked() >= 2).then_some(())).await;
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(5)).code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wrong_secret_tokens_cause_one_warning_and_a_debug_line_each() {
    let (_telegram, url) = FakeApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let program = serve(&url, &folder, &[("RUST_LOG", "debug")]);
    for _ in 0..200 {
        assert_eq!(post(program.addr, Some("wrong"), b"{}").await.status, 401);
    }
    assert_eq!(logged(&log, "had no secret token or a wrong one").await, 1);
    let each = async || (logged(&log, "a request to the webhook was refused").await == 200).then_some(());
    waiting::until("a debug line for each", each).await;
    assert_eq!(warnings(&log).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_inbox_is_logged_once_and_its_end_too() {
    let (telegram, url) = FakeApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let program = serve(&url, &folder, &[("RUST_LOG", "info"), ("DOORBELL__INBOX__CAPACITY", "5")]);
    telegram.away.store(true, Ordering::SeqCst);
    for chat in 1..=100 {
        let status =
            post(program.addr, Some(SECRET), message(chat, chat, "/echo 1").to_string().as_bytes()).await.status;
        assert_eq!(status, if chat <= 5 { 200 } else { 503 });
    }
    assert_eq!(logged(&log, "the inbox is full").await, 1);
    telegram.away.store(false, Ordering::SeqCst);
    let mut id = 100;
    let over = async || {
        id += 1;
        let update = message(id, id, "/echo 1").to_string();
        post(program.addr, Some(SECRET), update.as_bytes()).await;
        let text = std::fs::read_to_string(&log).unwrap();
        (text.matches("the inbox has room again").count() == 1).then_some(())
    };
    waiting::until("there is free space", over).await;
    assert_eq!(logged(&log, "the inbox is full").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lack_of_file_descriptors_is_logged_once_and_its_end_too() {
    let (_telegram, url) = FakeApi::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let (port, settings) = (free_port(), echo_settings(folder.path()));
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 40; exec \"$0\" serve", env!("CARGO_BIN_EXE_doorbell")]).env_clear();
    command.envs(echo_variables(&url, &inbox, &settings)).envs([
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "json"),
        ("DOORBELL__WEBHOOK__REGISTER", "false"),
        ("HOST", "127.0.0.1"),
        ("PORT", &port.to_string()),
    ]);
    let program = Program::spawn(command, port, &log);
    program.listens();
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(TcpStream::connect(program.addr).await.unwrap());
    }
    logged(&log, "connections cannot be accepted").await;
    // The listener retries ten times a second, and serves no new connection.
    let served = tokio::time::timeout(Duration::from_secs(1), fetch(program.addr, "/healthz")).await;
    assert!(served.is_err(), "no descriptor is left: {served:?}");
    drop(held);
    let recovered = async || {
        let served = fetch(program.addr, "/healthz").await.status == 200;
        let text = std::fs::read_to_string(&log).unwrap();
        (served && text.contains("connections can be accepted again")).then_some(text)
    };
    let text = waiting::until("it serves again", recovered).await;
    assert_eq!(text.matches("connections cannot be accepted").count(), 1);
    let over = text.lines().find(|line| line.contains("can be accepted again")).unwrap();
    let over: Value = serde_json::from_str(over).unwrap();
    assert!(over["times"].as_u64().is_some_and(|times| times >= 5), "{over}");
}
