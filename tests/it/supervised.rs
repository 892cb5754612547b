//! A service with a failed task must not continue and report itself healthy: the program ends with exit status 1 and
//! names the task. Every value of `Task` is killed once. Release builds have no fail points.
#![cfg(debug_assertions)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use doorbell::lifecycle::Task;

use crate::harness::postgres::Database;
use crate::harness::{
    FakeBotApi, KeepAliveClient, MARK, Program, echo_settings, echo_variables, free_port, message, print_line,
    serve_echo, waiting,
};

/// The platform restarts what has ended; each second before the end is a second without the bot.
const SOON: Duration = Duration::from_secs(5);

/// The command and the inbox with which a task runs. A new task needs a line here, or the test does not compile.
fn home(task: Task) -> Home {
    match task {
        Task::Listener
        | Task::Dispatch
        | Task::PauseWatch
        | Task::Console
        | Task::LeaseRenewal
        | Task::InboxSweep
        | Task::Registrar
        | Task::TraceExport
        | Task::SignalHandling
        | Task::SqliteWriter => Home::Sqlite,
        Task::DatabaseConnection | Task::DatabaseWriter | Task::DatabaseListener | Task::LeaseRecovery => {
            Home::PostgreSql
        }
        Task::BotWatch | Task::Gateway | Task::ChildProcess => Home::WithBot,
        Task::SandboxListener | Task::SandboxSweep => Home::Sandbox,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Home {
    Sqlite,
    PostgreSql,
    WithBot,
    Sandbox,
}

/// Starts the program, lets the task panic, and checks how the program ends.
async fn ends_with_1_and_names(task: Task, command: Command, port: u16, folder: &Path) {
    let log = folder.join("log");
    let mut command = command;
    command.env("DOORBELL_FAIL_POINT", format!("panic task {task}:1"));
    let mut program = Program::spawn(command, port, &log);
    // Some tasks start with the first update. Others have failed by then, and the port is closed.
    let mut update = 0;
    let failing = async {
        while !read_log(&log).contains("panicked, and the service") {
            if let Ok(mut line) = KeepAliveClient::connect(program.addr).await {
                update += 1;
                let update = message(update, 7, "/echo 1");
                let _ = tokio::time::timeout(Duration::from_millis(200), line.deliver(&update)).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    waiting::soon(&format!("{task} fails"), failing).await;
    let failed = Instant::now();
    assert_eq!(program.ended(SOON).code(), Some(1), "{task}");
    let text = read_log(&log);
    let line = format!("{task} panicked, and the service cannot work without it");
    let named = |start: &str| text.lines().any(|text| text.contains(start) && text.contains(&line));
    assert!(named("ERROR") && named("error: "), "{task}: the log and the last line name it:\n{text}");
    assert!(text.lines().any(|line| line.starts_with("hint:  ")), "{task}: {text}");
    print_line(&format!("{task} panicked: the program ended with 1 after {:?}", failed.elapsed()));
}

/// `doorbell serve` with these arguments, this inbox and a trace collector that is away.
async fn serve(task: Task, arguments: &[&str], inbox: &str, folder: &Path) {
    let (telegram, port, settings) = (FakeBotApi::start().await, free_port(), echo_settings(folder));
    let mut command = Program::command(arguments);
    command
        .env("HOST", "127.0.0.1")
        .env("ADMIN_TOKEN", format!("operator-token-{MARK}"))
        .env("PORT", port.to_string())
        .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"))
        .env("DOORBELL__TRACES__ENDPOINT", "http://127.0.0.1:1")
        .envs((home(task) == Home::WithBot).then_some(("DOORBELL__GATEWAY__LISTEN", "127.0.0.1:0")))
        .envs(echo_variables(&telegram.url(), inbox, &settings));
    ends_with_1_and_names(task, command, port, folder).await;
}

fn read_log(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_of_the_service_that_panics_ends_it_with_1_and_is_named() {
    for task in Task::ALL.iter().copied().filter(|task| home(*task) == Home::Sqlite) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        serve(task, &["serve"], &format!("sqlite:{}", folder.path().join("inbox.db").display()), folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_for_your_own_bot_that_panics_ends_the_service_with_1_and_is_named() {
    for task in Task::ALL.iter().copied().filter(|task| home(*task) == Home::WithBot) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        serve(task, &["serve", "--", "/bin/sh", "-c", "sleep 1000"], "memory:", folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_of_the_postgresql_inbox_that_panics_ends_the_service_with_1_and_is_named() {
    for task in Task::ALL.iter().copied().filter(|task| home(*task) == Home::PostgreSql) {
        let Some(database) = Database::fresh().await else { return };
        let folder = tempfile::tempdir().expect("a temporary folder");
        serve(task, &["serve"], &database.url, folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_task_of_the_sandbox_that_panics_ends_the_command_with_1_and_is_named() {
    for task in Task::ALL.iter().copied().filter(|task| home(*task) == Home::Sandbox) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (port, bot_api) = (free_port(), free_port());
        let (port_of_service, port_of_bot_api) = (port.to_string(), bot_api.to_string());
        let arguments = ["sandbox", "--port", &port_of_service, "--bot-api-port", &port_of_bot_api];
        ends_with_1_and_names(task, Program::command(&arguments), port, folder.path()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_outside_the_handler_costs_an_attempt_and_delays_no_chat_and_no_stop() {
    for inbox in ["sqlite", "memory:"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("inbox.db").display());
        let url = if inbox == "sqlite" { &url } else { inbox };
        let telegram = FakeBotApi::start().await;
        // The panic is outside the handler.
        let fails = [("DOORBELL_FAIL_POINT", "panic claimed:1")];
        let mut program = serve_echo(&telegram, url, folder.path(), &fails);
        let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
        for id in 1..=2 {
            line.send(&message(id, 7, &format!("/echo {id}"))).await.expect("it is sent");
            assert_eq!(line.answer().await.expect("an answer").status, 200);
        }
        telegram.until("both are handled", |telegram| telegram.last(7).as_deref() == Some("2")).await;
        assert_eq!(telegram.sent(7).len(), 2);
        assert!(read_log(&folder.path().join("log")).contains("panicked while it handled the update"));
        let begun = Instant::now();
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "the stop does not wait for the failed attempt");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_signal_ends_a_hanging_stop_and_each_log_line_says_what_the_next_signal_does() {
    for (name, status, again) in [("INT", 128 + 2, "press Ctrl-C again"), ("TERM", 128 + 15, "send the signal again")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
        let telegram = FakeBotApi::start().await;
        let hangs = [("DOORBELL_FAIL_POINT", "hang task the SQLite writer:1")];
        let mut program = serve_echo(&telegram, &inbox, folder.path(), &hangs);
        let log = folder.path().join("log");
        let logged =
            async |words: &str| waiting::until(words, async || read_log(&log).contains(words).then_some(())).await;
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
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    let answer = line.deliver(&message(1, 7, "/echo 1")).await.expect("an answer");
    assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/problem+json")), "{answer:?}");
    assert_eq!(line.deliver(&message(1, 7, "/echo 1")).await.expect("the same connection").status, 200);
    let log = read_log(&folder.path().join("log"));
    assert_eq!(log.lines().filter(|line| line.contains("\"ERROR\"") && line.contains("panicked")).count(), 1, "{log}");
    drop(program);
}
