//! After a stop signal the service finishes running work, loses nothing and keeps the webhook registered.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::Handler;
use tokio::sync::Notify;

use crate::crash::oracle::{Load, Oracle};
use crate::harness::{
    Answer, FakeBotApi, KeepAliveClient, Program, TestApp, TestAppBuilder, fetch, handler_fn, message, print_line,
    serve_echo, waiting,
};

/// Render waits for 30 s. A stop without a hanging handler is far shorter.
const SOON: Duration = Duration::from_secs(10);

/// Stops the service three times while updates arrive.
async fn stopped_under_load(inbox: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut oracle = Oracle::start(Load { chats: 200, lines: 16, per_chat: usize::MAX }).await;
    let telegram = oracle.telegram.clone();
    for _ in 0..3 {
        let mut program = oracle.serve(inbox, folder.path(), &[]);
        let so_far = telegram.methods().len();
        telegram.until("there is load", |telegram| telegram.methods().len() > so_far + 100).await;
        program.signal("TERM");
        assert_eq!(program.ended(SOON).code(), Some(0));
        oracle.kill(program);
    }
    let program = oracle.serve(inbox, folder.path(), &[]);
    let findings = oracle.finish().await;
    drop(program);
    print_line(&format!(
        "SIGTERM under load, {}: 3 stops, {} updates acknowledged, {} lost, {} out of order, {} replied twice",
        inbox.split(':').next().unwrap_or_default(),
        findings.updates,
        findings.lost,
        findings.out_of_order,
        findings.twice
    ));
    assert_eq!((findings.lost, findings.out_of_order, findings.twice), (0, 0, 0), "{findings:?}");
    assert!(telegram.methods().iter().all(|method| method != "deleteWebhook"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_under_load_exits_with_0_and_each_acknowledged_update_is_answered_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    stopped_under_load(&format!("sqlite:{}", folder.path().join("inbox.db").display())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_a_stop_under_load_returns_waiting_updates_to_telegram_and_repeats_none() {
    stopped_under_load("memory:").await;
}

/// A service with one update in progress, whose Telegram does not answer.
async fn busy(inbox: &str, folder: &std::path::Path) -> (FakeBotApi, Program, KeepAliveClient) {
    let telegram = FakeBotApi::start().await;
    telegram.hang(true);
    let program = serve_echo(&telegram, inbox, folder, &[]);
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    line.send(&message(1, 7, "/echo 1")).await.expect("it is sent");
    telegram.until("the call arrives", |telegram| telegram.sent(7).len() == 1).await;
    (telegram, program, line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_in_flight_is_answered_with_connection_close() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (telegram, mut program, mut line) = busy("memory:", folder.path()).await;
    program.signal("TERM");
    waiting::until("the listener is closed", async || KeepAliveClient::connect(program.addr).await.err()).await;
    telegram.hang(false);
    let answer = line.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.headers);
    assert_eq!(program.ended(SOON).code(), Some(0));
}

/// Returns when `/healthz` says that the service stops.
async fn stopping(addr: std::net::SocketAddr) {
    waiting::until("it says that it stops", async || {
        let health = fetch(addr, "/healthz").await;
        (health.status == 503).then_some(())
    })
    .await;
}

/// Delivers an update on an idle connection just after the stop signal. Returns the answer.
async fn deliver_at_the_stop(inbox: &str, folder: &std::path::Path) -> (FakeBotApi, Answer) {
    let telegram = FakeBotApi::start().await;
    let mut program = serve_echo(&telegram, inbox, folder, &[]);
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    assert_eq!(line.deliver(&message(1, 7, "/echo 1")).await.expect("an answer").status, 200);
    telegram.until("the first is handled", |telegram| telegram.sent(7).len() == 1).await;
    let mut idle = KeepAliveClient::connect(program.addr).await.expect("it listens");
    program.signal("TERM");
    stopping(program.addr).await;
    let answer = line.deliver(&message(2, 7, "/echo 2")).await.expect("an idle connection is still open");
    // A proxy that does not know about the stop still opens connections for a moment.
    let mut new = KeepAliveClient::connect(program.addr).await.expect("new connections are still taken");
    for other in [&mut idle, &mut new] {
        let same = other.deliver(&message(2, 7, "/echo 2")).await.expect("it is answered");
        assert_eq!((same.status, same.header("connection")), (answer.status, Some("close")), "{same:?}");
        assert!(other.answer().await.is_err(), "it was the last answer");
    }
    assert_eq!(program.ended(SOON).code(), Some(0));
    (telegram, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_arrives_just_after_the_stop_signal_is_stored_and_handled_after_the_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let (telegram, answer) = deliver_at_the_stop(&inbox, folder.path()).await;
    assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.headers);
    assert_eq!(telegram.sent(7).len(), 1, "nothing new is begun");
    let program = serve_echo(&telegram, &inbox, folder.path(), &[]);
    telegram.until("it is handled", |telegram| telegram.last(7).as_deref() == Some("2")).await;
    drop(program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_storage_an_update_that_arrives_just_after_the_stop_signal_stays_at_telegram() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (telegram, answer) = deliver_at_the_stop("memory:", folder.path()).await;
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")), "{}", answer.headers);
    assert_eq!(answer.header("retry-after"), Some("0"), "its successor may have it at once: {}", answer.headers);
    assert_eq!(telegram.sent(7).len(), 1, "it was not handled");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_is_a_hard_stop_and_running_updates_are_handled_after_the_restart() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let (telegram, mut program, mut line) = busy(&inbox, folder.path()).await;
    assert_eq!(line.answer().await.expect("an answer").status, 200);
    program.signal("TERM");
    waiting::until("the listener is closed", async || KeepAliveClient::connect(program.addr).await.err()).await;
    assert!(program.child.try_wait().expect("a child").is_none(), "it waits for the running update");
    program.signal("INT");
    assert_eq!(program.ended(Duration::from_secs(5)).code(), Some(0));
    assert_eq!(attempts(&folder.path().join("inbox.db")), [0], "it has cost no attempt");
    telegram.hang(false);
    let program = serve_echo(&telegram, &inbox, folder.path(), &[]);
    telegram.until("the reply is sent again", |telegram| telegram.sent(7).len() == 2).await;
    drop(program);
}

#[tokio::test]
async fn a_hanging_handler_is_cancelled_after_the_grace_period_which_costs_no_attempt() {
    let clock = ManualClock::new(SystemClock.now());
    let begun = Arc::new(Notify::new());
    let (folder, notify) = (Arc::new(tempfile::tempdir().expect("a temporary folder")), Arc::clone(&begun));
    let hangs = handler_fn(move |_| {
        let notify = Arc::clone(&notify);
        async move {
            notify.notify_one();
            pending().await
        }
    });
    // The time limit of the handler is longer than the grace period.
    let mut app = started(&clock, &folder, hangs).await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    begun.notified().await;
    app.shutdown.soft.cancel();
    clock.advance(Duration::from_secs(20));
    assert_eq!(app.survey().await.held, 1, "the grace period is not over");
    let stopped = async {
        loop {
            // The grace period begins a moment after the stop.
            clock.advance(Duration::from_secs(1));
            tokio::task::yield_now().await;
            if app.shutdown.hard.is_cancelled() {
                return;
            }
        }
    };
    waiting::soon("the grace period is over", stopped).await;
    app.stop_by_itself().await.expect("it stops without an error");
    let file = folder.path().join("inbox.db");
    drop(app);
    assert_eq!(attempts(&file), [0]);
}

async fn started(clock: &ManualClock, folder: &Arc<tempfile::TempDir>, handler: impl Handler + 'static) -> TestApp {
    let mut wanted = TestAppBuilder::default().with_handler(handler).with("dispatch.handler_timeout", "1h");
    (wanted.clock, wanted.folder) = (Arc::new(clock.clone()), Some(Arc::clone(folder)));
    let app = wanted.start().await;
    app.registered().await;
    app
}

/// The attempts that each update in the file has cost so far.
fn attempts(file: &std::path::Path) -> Vec<u32> {
    let file = rusqlite::Connection::open(file).expect("a database");
    let mut attempts = file.prepare("SELECT attempts FROM updates ORDER BY seq").expect("a table of updates");
    attempts.query_map([], |row| row.get(0)).expect("it can be read").map(|row| row.expect("a number")).collect()
}
