//! The log never blocks the service and says what it lost; a storm is a few lines.

use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Line, Program, SECRET, echo_settings, echo_variables, free_port, get, message, waiting};

/// A service whose standard error is a pipe, and the end of it that nobody reads yet.
fn into_a_pipe(filter: &str, folder: &tempfile::TempDir) -> (Program, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    let port = free_port();
    let mut command = Program::command(&["serve"]);
    command.stdout(Stdio::null()).stderr(writer).envs([
        ("TELEGRAM_BOT_TOKEN", "123456789:AAtest-CANARY-0123456789-CANARY"),
        ("TELEGRAM_API_URL", "http://127.0.0.1:1"),
        ("WEBHOOK_SECRET", SECRET),
        ("HOST", "127.0.0.1"),
        ("PORT", &port.to_string()),
        ("PUBLIC_URL", &format!("http://127.0.0.1:{port}")),
        ("DATABASE_URL", &format!("sqlite:{}", folder.path().join("inbox.db").display())),
        ("RUST_LOG", filter),
        ("LOG_FORMAT", "json"),
    ]);
    let child = command.spawn().expect("the program starts");
    // The command keeps the other end open, and would keep the reader from seeing its end.
    drop(command);
    let log = folder.path().join("log");
    std::fs::write(&log, "").unwrap();
    let program = Program::adopt(child, port, &log);
    program.listens();
    (program, reader)
}

/// Delivers updates on one connection; each must be acknowledged.
async fn deliver(program: &Program, updates: impl Iterator<Item = i64>) {
    let mut line = Line::open(program.addr).await.unwrap();
    for id in updates {
        assert_eq!(line.ring(&message(id, id % 200 + 1, "/start")).await.unwrap().status, 200, "update {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standard_error_that_nobody_reads_stops_nothing() {
    for filter in ["info", "debug"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut program, unread) = into_a_pipe(filter, &folder);
        tokio::time::timeout(Duration::from_secs(60), deliver(&program, 1..=2_500)).await.expect("acknowledged");
        assert_eq!(get(program.addr, "/healthz").status, 200);
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(15)).code(), Some(0), "{filter}");
        drop(unread);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_comes_late_is_told_how_many_lines_were_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut program, reader) = into_a_pipe("debug", &folder);
    // Known updates: a line each, and nothing to be handled.
    deliver(&program, std::iter::repeat_n(1, 12_000)).await;
    let (found, told) = tokio::sync::oneshot::channel();
    let mut log = std::fs::File::create(folder.path().join("log")).unwrap();
    let reading = std::thread::spawn(move || {
        let mut found = Some(found);
        for line in BufReader::new(reader).lines() {
            let line = line.expect("text");
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "whole lines only: {line}");
            writeln!(log, "{line}").expect("it can be written");
            if line.contains("lines of the log were lost")
                && let Some(found) = found.take()
            {
                found.send(line).expect("somebody waits");
            }
        }
    });
    let said = tokio::time::timeout(Duration::from_secs(20), told).await.expect("in time").expect("it is said");
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(said["lines"].as_u64().is_some_and(|lines| lines > 100), "{said}");
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(15)).code(), Some(0));
    reading.join().expect("the last line was read");
}

/// A Bot API that can be away, and counts what it is asked.
#[derive(Clone, Default)]
struct Away {
    is_away: Arc<AtomicBool>,
    /// The chats of the messages that it was asked to send.
    asked: Arc<Mutex<Vec<i64>>>,
    /// The same of those that it sent.
    sent: Arc<Mutex<Vec<i64>>>,
}

impl Away {
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
        if self.is_away.load(Ordering::SeqCst) {
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

/// The lines of a log from `warn` on, without those about the registration.
fn warnings(log: &std::path::Path) -> Vec<String> {
    let log = std::fs::read_to_string(log).unwrap();
    let grave = |line: &&str| line.contains("\"level\":\"WARN\"") || line.contains("\"level\":\"ERROR\"");
    log.lines().filter(grave).filter(|line| !line.contains("::registrar")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_telegram_is_away_one_call_asks_for_all_chats_and_a_few_lines_tell_of_it() {
    const CHATS: i64 = 200;
    /// `dispatch.concurrency`: so many calls are under way when the first one fails.
    const AT_ONCE: usize = 64;
    let (telegram, url) = Away::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let settings = echo_settings(folder.path());
    let mut variables = echo_variables(&url, &inbox, &settings);
    variables.extend([("RUST_LOG", "info"), ("LOG_FORMAT", "json"), ("DOORBELL__WEBHOOK__REGISTER", "false")]);
    let mut program = Program::serve(&variables, &log);
    telegram.is_away.store(true, Ordering::SeqCst);
    let mut line = Line::open(program.addr).await.unwrap();
    for chat in 1..=CHATS {
        assert_eq!(line.ring(&message(chat, chat, "/echo 1")).await.unwrap().status, 200);
    }
    // Some were under way when the first one failed; from then on one asks after 1, 2, 4 and 8 seconds.
    let known = async || warnings(&log).iter().any(|line| line.contains("Telegram does not carry out")).then_some(());
    waiting::until("it is known to be away", known).await;
    let before = telegram.asked();
    assert!(before <= AT_ONCE + 1, "{before} calls");
    waiting::until("three more have asked", async || (telegram.asked() >= before + 3).then_some(())).await;
    assert!(telegram.asked() <= before + 4, "{} calls", telegram.asked());
    assert!(telegram.sent.lock().unwrap().is_empty());
    let said = warnings(&log);
    assert!((1..=2).contains(&said.len()), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("Telegram does not carry out calls")), "{said:#?}");
    telegram.is_away.store(false, Ordering::SeqCst);
    let all = async || (telegram.sent.lock().unwrap().len() >= usize::try_from(CHATS).unwrap()).then_some(());
    waiting::until("all are answered", all).await;
    let mut answered = telegram.sent.lock().unwrap().clone();
    answered.sort_unstable();
    assert_eq!(answered, (1..=CHATS).collect::<Vec<_>>(), "each once");
    assert_eq!(warnings(&log).len(), said.len());
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(said.matches("Telegram is available again").count(), 1);
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_calls_wait_for_telegram_stops_at_once() {
    let (telegram, url) = Away::start().await;
    let folder = tempfile::tempdir().unwrap();
    let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let settings = echo_settings(folder.path());
    let mut variables = echo_variables(&url, &inbox, &settings);
    variables.push(("DOORBELL__WEBHOOK__REGISTER", "false"));
    let mut program = Program::serve(&variables, &log);
    telegram.is_away.store(true, Ordering::SeqCst);
    let mut line = Line::open(program.addr).await.unwrap();
    for chat in 1..=100 {
        assert_eq!(line.ring(&message(chat, chat, "/echo 1")).await.unwrap().status, 200);
    }
    waiting::until("calls wait", async || (telegram.asked() >= 2).then_some(())).await;
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(5)).code(), Some(0));
}
