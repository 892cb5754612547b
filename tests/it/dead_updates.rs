//! One bad update affects no other: it becomes a dead-letter update, visible and replayable while the service runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::telegram::Call;
use doorbell::update::Update;

use crate::harness::waiting::until;
use crate::harness::{FakeBotApi, TestApp, TestAppBuilder, get, message, run, serve_echo};

/// A handler that rejects every update until the test repairs it.
struct Rejects(Arc<AtomicBool>);

#[async_trait]
impl Handler for Rejects {
    async fn handle(&self, update: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        if self.0.load(Ordering::SeqCst) {
            return Ok(vec![Call::send_message(7, format!("handled {}", update.id))]);
        }
        Err(HandlerError::Reject("it is poison".to_owned()))
    }
}

async fn with_dead(ids: &[i64]) -> (TestApp, Arc<AtomicBool>) {
    let repaired = Arc::new(AtomicBool::new(false));
    let mut app = TestAppBuilder::default().with_handler(Rejects(Arc::clone(&repaired))).start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    for id in ids {
        assert_eq!(app.deliver(&message(*id, 7, "secret words")).await.status, 200);
    }
    app.drain().await;
    assert_eq!(app.survey().await.dead, ids.len() as u64);
    (app, repaired)
}

/// Runs `doorbell dead …` on the file of a running service.
async fn dead(app: &TestApp, arguments: &'static [&'static str]) -> (i32, String) {
    let folder = app.folder.path().to_owned();
    let url = format!("sqlite:{}", folder.join("inbox.db").display());
    let ended =
        tokio::task::spawn_blocking(move || run(&[&["dead"], arguments].concat(), &[("DATABASE_URL", &url)], &folder));
    let ended = ended.await.unwrap();
    (ended.code, ended.stdout + ended.stderr.as_str())
}

#[tokio::test]
async fn dead_letter_updates_are_listed_and_shown_while_the_service_runs() {
    let (app, _) = with_dead(&[11, 12]).await;
    let (code, listed) = dead(&app, &["list"]).await;
    assert_eq!((code, listed.lines().count()), (0, 2), "{listed}");
    assert!(listed.contains("11  message  chat:7") && listed.contains("it is poison"), "{listed}");
    assert!(!listed.contains("secret words"), "a list shows no message text: {listed}");
    let (code, shown) = dead(&app, &["show", "12"]).await;
    assert!(code == 0 && shown.contains("secret words"), "{shown}");
    let (_, json) = dead(&app, &["list", "--json"]).await;
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()[1]["id"], 12);
    assert_eq!(dead(&app, &["show", "13"]).await.0, 1);
}

#[tokio::test]
async fn a_retried_dead_letter_update_is_handled_by_the_running_service() {
    let (app, repaired) = with_dead(&[11, 12]).await;
    repaired.store(true, Ordering::SeqCst);
    let (code, output) = dead(&app, &["retry", "12"]).await;
    assert!(code == 0 && output.contains("1 dead-letter update was queued again"), "{output}");
    let replied = app.sandbox.until(|sandbox| sandbox.messages(Some(7)).iter().any(|message| message.bot));
    tokio::time::timeout(Duration::from_secs(10), replied).await.expect("a reply in time");
    app.drain().await;
    assert_eq!(app.replies(7), ["handled 12"]);
    assert_eq!(app.survey().await.dead, 1);
}

#[tokio::test]
async fn a_discarded_dead_letter_update_is_erased_and_stays_known() {
    let (app, repaired) = with_dead(&[11, 12]).await;
    repaired.store(true, Ordering::SeqCst);
    assert_eq!(dead(&app, &["discard", "--all"]).await.0, 0);
    assert_eq!(app.survey().await.dead, 0);
    assert_eq!(app.deliver(&message(11, 7, "again")).await.status, 200);
    app.drain().await;
    assert_eq!(app.replies(7), [""; 0]);
}

#[tokio::test]
async fn a_command_without_a_selection_of_updates_is_refused() {
    let (app, _) = with_dead(&[11]).await;
    assert_eq!(dead(&app, &["discard"]).await.0, 2);
    assert_eq!(dead(&app, &["retry", "--all", "11"]).await.0, 2);
    assert_eq!(dead(&app, &["retry", "99"]).await.0, 1);
    assert_eq!(app.survey().await.dead, 1);
}

#[test]
fn an_operators_command_does_not_migrate_a_file_of_an_older_version() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inbox.db");
    let url = format!("sqlite:{}", path.display());
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("PRAGMA journal_mode = wal").unwrap();
    file.execute_batch(include_str!("../../src/inbox/sqlite/schema.sql")).unwrap();
    file.execute_batch(include_str!("../../src/inbox/sqlite/schema_2.sql")).unwrap();
    file.execute_batch("PRAGMA application_id = 0x42656c6c; PRAGMA user_version = 2").unwrap();
    for arguments in [&["dead", "list"][..], &["dead", "retry", "--all"]] {
        let ended = run(arguments, &[("DATABASE_URL", &url)], folder.path());
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.contains("Start the service of this version first"), "{}", ended.stderr);
    }
    let version: i64 = file.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_revived_while_the_file_is_locked_is_handled_when_it_is_free() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("inbox.db");
    let url = format!("sqlite:{}", path.display());
    let mut program = serve_echo(&telegram, &url, folder.path(), &[]);
    program.signal("TERM");
    assert!(program.ended(Duration::from_secs(20)).success());
    let file = rusqlite::Connection::open(&path).unwrap();
    let dead = "INSERT INTO updates (id, seq, kind, chat_key, received_at, expires_at, state, body)
        VALUES (?1, ?1, 'message', 'chat:7', 1, 86400001, 1, ?2)";
    for id in 1..=5 {
        let body = message(id, 7, &format!("/echo {id}")).to_string().into_bytes();
        file.execute(dead, rusqlite::params![id, body]).unwrap();
    }
    let again = serve_echo(&telegram, &url, folder.path(), &[]);
    // It listens before it has opened the file, and answers afterwards.
    assert_eq!(get(again.addr, "/healthz").status, 200);
    let has_tried = || std::fs::read_to_string(folder.path().join("log")).unwrap().contains("could not be tidied up");
    for id in 1..=5 {
        // As `doorbell dead retry` does. Then another process locks the file for longer than a write waits.
        let revive = format!("UPDATE updates SET state = 2, attempts = 0 WHERE id = {id}; BEGIN IMMEDIATE");
        file.execute_batch(&revive).unwrap();
        let revived = || telegram.last(7) == Some(id.to_string());
        // The service may have adopted it between the two.
        until("the service to have tried", async || (has_tried() || revived()).then_some(())).await;
        file.execute_batch("ROLLBACK").unwrap();
        telegram.until("the reply", |_| revived()).await;
        if has_tried() {
            break;
        }
    }
    assert!(has_tried());
    drop(again);
}
