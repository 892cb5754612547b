//! The log never blocks the service, and reports the lines that it lost.

use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::process::Stdio;
use std::time::Duration;

use crate::harness::{KeepAliveClient, Program, SECRET, free_port, get, message};

/// A service whose standard error is a pipe, and the reading end of the pipe.
fn serve_into_pipe(filter: &str, folder: &tempfile::TempDir) -> (Program, PipeReader) {
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
    // The command holds the writing end open too. Without this, the reader would never see the end of the pipe.
    drop(command);
    let log = folder.path().join("log");
    std::fs::write(&log, "").unwrap();
    let program = Program::adopt(child, port, &log);
    program.listens();
    (program, reader)
}

/// Delivers updates on one connection. Each must be acknowledged.
async fn deliver(program: &Program, updates: impl Iterator<Item = i64>) {
    let mut line = KeepAliveClient::connect(program.addr).await.unwrap();
    for id in updates {
        assert_eq!(line.deliver(&message(id, id % 200 + 1, "/start")).await.unwrap().status, 200, "update {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_works_while_standard_error_is_not_read() {
    for filter in ["info", "debug"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut program, unread) = serve_into_pipe(filter, &folder);
        tokio::time::timeout(Duration::from_mins(1), deliver(&program, 1..=2_500)).await.expect("acknowledged");
        assert_eq!(get(program.addr, "/healthz").status, 200);
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(15)).code(), Some(0), "{filter}");
        drop(unread);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_says_how_many_lines_a_late_reader_has_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (mut program, reader) = serve_into_pipe("debug", &folder);
    // Known updates cause one line each, and no work.
    deliver(&program, std::iter::repeat_n(1, 12_000)).await;
    let (found, report) = tokio::sync::oneshot::channel();
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
                found.send(line).expect("the test waits");
            }
        }
    });
    let line =
        tokio::time::timeout(Duration::from_secs(20), report).await.expect("in time").expect("the loss is reported");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(line["lines"].as_u64().is_some_and(|lines| lines > 100), "{line}");
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(15)).code(), Some(0));
    reading.join().expect("the last line was read");
}
