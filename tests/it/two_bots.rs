//! Updates of two bots have the same ids. An update of one bot is never treated as one of another bot, in a shared database
//! or in a file that another bot used before.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, SystemClock};
use doorbell::inbox::{self, Accepted, Claimable, Inbox, InboxError, Selection, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::sandbox::TOKEN;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{Update, UpdateId};
use rusqlite::Connection;

use crate::harness::postgres::{BACK_TO_VERSION_6, Database};
use crate::harness::waiting::until;
use crate::harness::{FakeBotApi, KeepAliveClient, Program, echo_settings, echo_variables, message, run, serve_echo};

const OTHER_TOKEN: &str = "987654321:AAtestOtherBotOfTheTests0123456789";

fn settings(database: &Database) -> InboxSettings {
    let url = InboxUrl::Postgres(database.url.clone().into());
    InboxSettings { url, capacity: 1_000, keep_done: Duration::from_hours(48), max_connections: 5 }
}

async fn inbox_of(bot: i64, database: &Database, shutdown: &Shutdown) -> Arc<dyn Inbox> {
    let clock = Arc::new(SystemClock);
    let inbox = inbox::open(&settings(database), BotId(bot), clock, shutdown, Arc::default()).unwrap();
    until("the database to be used", async || inbox.survey().await.ok()).await;
    inbox
}

/// The number of dead-letter updates that an operator's command lists, with or without a bot.
async fn visit(database: &Database, bot: Option<i64>) -> Result<usize, InboxError> {
    let inbox = inbox::open_for_operator(&settings(database), bot.map(BotId), Arc::new(SystemClock)).unwrap();
    inbox.list(&Selection::All, 10).await.map(|dead| dead.len())
}

fn update(id: i64, chat: i64) -> Update {
    Update::parse(message(id, chat, "Hello").to_string().into(), SystemClock.now()).unwrap()
}

async fn claim_and_mark_dead(inbox: &dyn Inbox) -> UpdateId {
    let delivery = inbox.claim(1, Claimable::Any).await.unwrap().pop().expect("something is due");
    inbox.settle(delivery.lease, Verdict::Dead { reason: "for a test".to_owned() }).await.unwrap();
    delivery.update.id
}

#[tokio::test]
async fn two_bots_on_one_database_are_separate() {
    let Some(database) = Database::fresh().await else { return };
    let shutdown = Shutdown::new();
    let first = inbox_of(1, &database, &shutdown).await;
    assert_eq!(first.accept(update(7, 70)).await.unwrap(), Accepted::Stored);
    assert_eq!(visit(&database, None).await.unwrap(), 0, "one bot need not be named");
    let second = inbox_of(2, &database, &shutdown).await;
    assert!(second.claim(1, Claimable::Any).await.unwrap().is_empty(), "it is not given what the first bot was sent");
    assert_eq!(second.accept(update(7, 71)).await.unwrap(), Accepted::Stored);
    assert_eq!((claim_and_mark_dead(&*first).await, claim_and_mark_dead(&*second).await), (UpdateId(7), UpdateId(7)));
    assert_eq!(second.survey().await.unwrap().dead, 1);
    let refused = visit(&database, None).await;
    assert!(matches!(refused, Err(InboxError::Unusable { .. })), "of several it must be: {refused:?}");
    assert_eq!((visit(&database, Some(1)).await.unwrap(), visit(&database, Some(2)).await.unwrap()), (1, 1));
    let again = inbox_of(2, &database, &shutdown).await;
    assert_eq!(again.accept(update(7, 71)).await.unwrap(), Accepted::Known);
    shutdown.stop_hard();
}

#[tokio::test]
async fn two_bots_that_start_on_an_empty_database_get_a_schema_each() {
    let Some(database) = Database::fresh().await else { return };
    let shutdown = Shutdown::new();
    let (first, second) = tokio::join!(inbox_of(1, &database, &shutdown), inbox_of(2, &database, &shutdown));
    assert_eq!(first.accept(update(1, 1)).await.unwrap(), Accepted::Stored);
    assert_eq!(second.accept(update(1, 1)).await.unwrap(), Accepted::Stored);
    shutdown.stop_hard();
}

#[tokio::test]
async fn a_database_of_the_first_version_is_migrated_with_its_content() {
    let Some(database) = Database::fresh().await else { return };
    let shutdown = Shutdown::new();
    let old = inbox_of(1, &database, &shutdown).await;
    assert_eq!(old.accept(update(1, 1)).await.unwrap(), Accepted::Stored);
    let back = "ALTER TABLE doorbell.schema_version DROP COLUMN bot; ALTER TABLE doorbell.chats DROP COLUMN deaths;
                ALTER TABLE doorbell.chats DROP COLUMN set_at, DROP COLUMN has_calls; ALTER TABLE doorbell.updates DROP COLUMN accepted_at;
                ALTER TABLE doorbell.updates DROP COLUMN revived; DROP TABLE doorbell.target, doorbell.stored;
                DROP FUNCTION doorbell.claim_2, doorbell.claim_3, doorbell.claim_4, doorbell.claim_calls_1, doorbell.settle_2, doorbell.settle_3;
                DROP FUNCTION doorbell.extend_2, doorbell.drop_waiting_1, doorbell.revive_2, doorbell.revive_3, doorbell.discard_2, doorbell.set_back_1;
                DROP TRIGGER describe ON doorbell.dead; DROP FUNCTION doorbell.describe_dead_1;
                ALTER TABLE doorbell.dead DROP COLUMN kind, DROP COLUMN chat_key, DROP COLUMN received_at,
                    DROP COLUMN reason;
                UPDATE doorbell.schema_version SET version = 1";
    database.run(&format!("{BACK_TO_VERSION_6} {back}")).await;
    let new = inbox_of(1, &database, &shutdown).await;
    assert_eq!(new.accept(update(1, 1)).await.unwrap(), Accepted::Known);
    assert_eq!(claim_and_mark_dead(&*new).await, UpdateId(1));
    let other = inbox_of(2, &database, &shutdown).await;
    assert_eq!(other.accept(update(1, 1)).await.unwrap(), Accepted::Stored);
    shutdown.stop_hard();
}

/// Starts the service of another bot on the file.
fn other_bot(telegram: &FakeBotApi, inbox: &str, folder: &Path) -> Program {
    serve_echo(telegram, inbox, folder, &[("TELEGRAM_BOT_TOKEN", OTHER_TOKEN)])
}

async fn replies(telegram: &FakeBotApi, program: &Program, id: i64, text: &str) {
    let mut line = KeepAliveClient::connect(program.addr).await.unwrap();
    assert_eq!(line.deliver(&message(id, 7, &format!("/echo {text}"))).await.unwrap().status, 200);
    telegram.until("the reply", |telegram| telegram.last(7).as_deref() == Some(text)).await;
}

fn stop(mut program: Program) {
    program.signal("TERM");
    assert!(program.ended(Duration::from_secs(20)).success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_empty_file_is_taken_over_by_another_bot() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let inbox = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let first = serve_echo(&telegram, &inbox, folder.path(), &[]);
    replies(&telegram, &first, 1, "first").await;
    stop(first);
    let second = other_bot(&telegram, &inbox, folder.path());
    replies(&telegram, &second, 1, "second").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_with_updates_of_another_bot_is_refused_and_still_serves_its_own_bot() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("inbox.db");
    let inbox = format!("sqlite:{}", path.display());
    telegram.hang(true);
    let first = serve_echo(&telegram, &inbox, folder.path(), &[]);
    let mut line = KeepAliveClient::connect(first.addr).await.unwrap();
    assert_eq!(line.deliver(&message(1, 7, "/echo kept")).await.unwrap().status, 200);
    drop(first);
    let (api, settings) = (telegram.url(), echo_settings(folder.path()));
    let mut variables = echo_variables(&api, &inbox, &settings);
    variables.extend([("TELEGRAM_BOT_TOKEN", OTHER_TOKEN), ("PORT", "0"), ("HOST", "127.0.0.1")]);
    let refused = run(&["serve"], &variables, folder.path());
    assert_eq!(refused.code, 1, "{}", refused.stderr);
    for words in
        ["holds updates of another bot, number 123456789 (waiting or dead-letter: 1)", "\nhint:  Give this bot a file"]
    {
        assert!(refused.stderr.contains(words), "{}", refused.stderr);
    }
    assert!(!refused.stderr.contains(TOKEN) && !refused.stderr.contains(OTHER_TOKEN));
    let doctor = run(&["doctor"], &variables, folder.path());
    assert!(doctor.stdout.contains("holds updates of another bot"), "{}{}", doctor.stdout, doctor.stderr);
    telegram.hang(false);
    let first = serve_echo(&telegram, &inbox, folder.path(), &[]);
    telegram.until("the reply", |telegram| telegram.last(7).as_deref() == Some("kept")).await;
    stop(first);
    let file = Connection::open(&path).unwrap();
    let owner: i64 = file.query_row("SELECT bot FROM service", [], |row| row.get(0)).unwrap();
    assert_eq!(owner, 123_456_789);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_file_of_the_first_version_is_migrated_with_its_content() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let path = folder.path().join("inbox.db");
    let inbox = format!("sqlite:{}", path.display());
    telegram.hang(true);
    let old = serve_echo(&telegram, &inbox, folder.path(), &[]);
    let mut line = KeepAliveClient::connect(old.addr).await.unwrap();
    assert_eq!(line.deliver(&message(1, 7, "/echo kept")).await.unwrap().status, 200);
    drop(old);
    let file = Connection::open(&path).unwrap();
    let back = "DROP TABLE service; DROP TABLE suspects; DROP INDEX updates_failed; ALTER TABLE updates DROP COLUMN wait; \
                ALTER TABLE updates DROP COLUMN revived; PRAGMA user_version = 1";
    file.execute_batch(back).unwrap();
    drop(file);
    telegram.hang(false);
    let new = serve_echo(&telegram, &inbox, folder.path(), &[]);
    telegram.until("the reply", |telegram| telegram.last(7).as_deref() == Some("kept")).await;
    replies(&telegram, &new, 2, "new").await;
}
