//! An update whose handling kills the process. Release builds have no fail points, so these tests are left out
//! there.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::harness::postgres::Database;
use crate::harness::{
    FakeBotApi, KeepAliveClient, Program, echo_settings, echo_variables, message, print_line, run, serve_echo, until,
};

/// The chat of the deadly update, and of one that waits behind it.
const CHAT: i64 = 66;
const DEADLY: i64 = 21;
const BEHIND: i64 = 42;
const LAST: i64 = 42;

/// The other updates: twenty on each side of the deadly one, each of a chat of its own.
fn others() -> impl Iterator<Item = i64> {
    (1..LAST).filter(|id| *id != DEADLY)
}

/// Stores updates in a service that is killed before it has handled any, because Telegram does not answer it.
async fn fill(telegram: &FakeBotApi, inbox: &str, folder: &Path) {
    telegram.hang(true);
    let program = serve_echo(telegram, inbox, folder, &[("DOORBELL__DISPATCH__CONCURRENCY", "1")]);
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    for id in 1..=LAST {
        let chat = if matches!(id, DEADLY | BEHIND) { CHAT } else { 1_000 + id };
        let update = message(id, chat, &format!("/echo {id}"));
        // A database may have to be reached first.
        while line.deliver(&update).await.expect("an answer").status != 200 {}
    }
    drop(program);
    telegram.hang(false);
}

/// Starts the service again until it survives. Returns how often it crashed.
async fn crashes(telegram: &FakeBotApi, inbox: &str, folder: &Path, between: impl AsyncFn()) -> (usize, Program) {
    let (api, settings) = (telegram.url(), echo_settings(folder));
    let mut variables = echo_variables(&api, inbox, &settings);
    let deadly = format!("handling {DEADLY}:1");
    variables.push(("DOORBELL_FAIL_POINT", &deadly));
    let (mut crashes, survives) = (0, || telegram.last(CHAT) == Some(BEHIND.to_string()));
    loop {
        between().await;
        let mut program = Program::start(&variables, &folder.join("log"));
        let has_ended = until("it crashes, or handles the next update", Duration::from_secs(30), || {
            let ended = program.child.try_wait().expect("a child can be waited for");
            ended.map(|_| true).or_else(|| survives().then_some(false))
        });
        if !has_ended {
            return (crashes, program);
        }
        crashes += 1;
        assert!(crashes < 20, "it is not dead-lettered");
    }
}

async fn is_dead_lettered(store: &str, inbox: &str, telegram: &FakeBotApi, folder: &Path, between: impl AsyncFn()) {
    fill(telegram, inbox, folder).await;
    let (crashes, program) = crashes(telegram, inbox, folder, between).await;
    assert_eq!(crashes, 8, "no more and no less than the attempts of any other update");
    telegram.until("all others are replied to", |api| others().all(|id| api.last(1_000 + id).is_some())).await;
    let most = others().map(|id| telegram.sent(1_000 + id).len()).max().unwrap_or(0);
    print_line(&format!(
        "an update that kills the process, {store}: {crashes} crashes, no other reply came more than {most} times"
    ));
    assert!(most <= 4, "updates that were claimed at the same time are retried one at a time");
    let variables = [("DATABASE_URL", inbox)];
    let listed = run(&["dead", "list", "--json"], &variables, folder);
    let dead: Value = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(dead.as_array().map(Vec::len), Some(1), "{dead}");
    assert_eq!((&dead[0]["id"], &dead[0]["reason"]), (&DEADLY.into(), &REASON.into()));
    drop(program);
}

const REASON: &str = "the process died while handling it, 8 times";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_update_that_kills_the_process_is_dead_lettered_in_sqlite() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let path = folder.path().join("inbox.db");
    let inbox = format!("sqlite:{}", path.display());
    is_dead_lettered("sqlite", &inbox, &telegram, folder.path(), async || ()).await;
    let file = rusqlite::Connection::open(&path).expect("a database");
    let suspects: i64 = file.query_row("SELECT count(*) FROM suspects", [], |row| row.get(0)).expect("a number");
    assert_eq!(suspects, 0, "no update is a suspect any more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_update_that_kills_the_process_is_dead_lettered_in_postgresql() {
    let Some(database) = Database::fresh().await else { return };
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    // Claims of a crashed instance are free when their leases have lapsed, so that time must pass.
    let lapse = "UPDATE doorbell.chats SET due_at = due_at - interval '61 s' WHERE token <> 0";
    is_dead_lettered("postgresql", &database.url, &telegram, folder.path(), async || database.run(lapse).await).await;
}
