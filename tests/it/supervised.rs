//! A part of the service that fails does not leave one behind that reports itself healthy: the program ends with exit
//! status 1 and names it. Release builds have no points at which a part could be told to fail.
#![cfg(debug_assertions)]

use std::path::Path;
use std::time::{Duration, Instant};

use crate::harness::postgres::Database;
use crate::harness::{
    FakeBotApi, Line, Program, echo_settings, echo_variables, message, print_line, serve_echo, waiting,
};

/// The platform restarts what has ended; each second before that is a second without the bot.
const SOON: Duration = Duration::from_secs(5);

/// Starts the service, lets the task panic that passes the point, and checks how the service ends.
async fn ends_and_names(point: &str, part: &str, inbox: &str, more: &[(&str, &str)]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = folder.path().join("log");
    let telegram = FakeBotApi::start().await;
    let settings = echo_settings(folder.path());
    let order = format!("panic {point}");
    let api = telegram.url();
    let mut variables = echo_variables(&api, inbox, &settings);
    variables.push(("DOORBELL_FAIL_POINT", &order));
    variables.extend(more);
    let mut program = Program::start(&variables, &log);
    // Some parts do nothing before there is an update. Others have failed by then, and nobody listens.
    let mut update = 0;
    let ringing = async {
        loop {
            if let Ok(mut line) = Line::open(program.addr).await {
                update += 1;
                let _ = tokio::time::timeout(Duration::from_millis(200), line.deliver(&message(update, 7, "/echo 1")))
                    .await;
            }
            if said(&log).contains("panicked, and the service") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    waiting::soon(&format!("{part} fails"), ringing).await;
    let failed = Instant::now();
    assert_eq!(program.ended(SOON).code(), Some(1), "{point}");
    let said = said(&log);
    let line = format!("{part} panicked, and the service cannot work without it");
    let named = |start: &str| said.lines().any(|said| said.contains(start) && said.contains(&line));
    assert!(named("\"level\":\"ERROR\"") && named("error: "), "{point}: the log and the last line name it:\n{said}");
    assert!(said.lines().any(|line| line.starts_with("hint:  ")), "{point}: {said}");
    print_line(&format!("{part} panicked: the service ended with 1 after {:?}", failed.elapsed()));
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_that_panics_ends_the_service_with_1_and_is_named() {
    for (point, part) in [
        ("listener:2", "the listener"),
        ("dispatch:1", "dispatch"),
        ("upkeep:1", "the upkeep of the inbox"),
        ("registrar:1", "the registrar"),
        ("inbox writer:2", "the inbox's writer"),
        ("signals:1", "the signal handling"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        ends_and_names(point, part, &format!("sqlite:{}", folder.path().join("inbox.db").display()), &[]).await;
    }
    let traces = [("DOORBELL__TRACES__ENDPOINT", "http://127.0.0.1:1")];
    ends_and_names("traces:1", "the export of traces", "memory:", &traces).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_part_of_the_postgresql_inbox_that_panics_ends_the_service_with_1_and_is_named() {
    for (point, part) in [
        ("database:1", "the search for the inbox's database"),
        ("other instances:1", "the listening for other instances"),
        ("batch:1", "the inbox's batches"),
    ] {
        let Some(database) = Database::fresh().await else { return };
        ends_and_names(point, part, &database.url, &[]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_ours_in_an_attempt_costs_an_attempt_blocks_no_chat_and_delays_no_stop() {
    for inbox in ["sqlite", "memory:"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("inbox.db").display());
        let url = if inbox == "sqlite" { &url } else { inbox };
        let telegram = FakeBotApi::start().await;
        // Not in the handler, whose panics were always caught.
        let fails = [("DOORBELL_FAIL_POINT", "panic claimed:1")];
        let mut program = serve_echo(&telegram, url, folder.path(), &fails);
        let mut line = Line::open(program.addr).await.expect("it listens");
        for id in 1..=2 {
            line.send(&message(id, 7, &format!("/echo {id}"))).await.expect("it is heard");
            assert_eq!(line.answer().await.expect("an answer").status, 200);
        }
        telegram.until("both are handled", |telegram| telegram.last(7).as_deref() == Some("2")).await;
        assert_eq!(telegram.sent(7).len(), 2);
        assert!(said(&folder.path().join("log")).contains("panicked while it handled the update"));
        let begun = Instant::now();
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits for what has ended");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_signal_ends_a_stop_that_hangs_and_each_line_says_what_the_next_signal_does() {
    for (name, status, again) in [("INT", 128 + 2, "press Ctrl-C again"), ("TERM", 128 + 15, "send the signal again")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
        let telegram = FakeBotApi::start().await;
        let hangs = [("DOORBELL_FAIL_POINT", "hang inbox writer:1")];
        let mut program = serve_echo(&telegram, &inbox, folder.path(), &hangs);
        let log = folder.path().join("log");
        let logged = async |words: &str| waiting::until(words, async || said(&log).contains(words).then_some(())).await;
        logged("a thread hangs").await;
        program.signal(name);
        logged(again).await;
        program.signal(name);
        logged("a third signal ends the process at once").await;
        assert!(program.child.try_wait().expect("a child").is_none(), "it waits for the thread that hangs");
        program.signal(name);
        assert_eq!(program.ended(Duration::from_secs(2)).code(), Some(status));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_route_is_answered_with_500_and_logged_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let telegram = FakeBotApi::start().await;
    let program = serve_echo(&telegram, "memory:", folder.path(), &[("DOORBELL_FAIL_POINT", "panic received:1")]);
    let mut line = Line::open(program.addr).await.expect("it listens");
    let answer = line.deliver(&message(1, 7, "/echo 1")).await.expect("an answer");
    assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/problem+json")), "{answer:?}");
    assert_eq!(line.deliver(&message(1, 7, "/echo 1")).await.expect("the same connection").status, 200);
    let log = said(&folder.path().join("log"));
    assert_eq!(log.lines().filter(|line| line.contains("\"ERROR\"") && line.contains("panicked")).count(), 1, "{log}");
    drop(program);
}
