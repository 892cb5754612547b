//! An update that the operator has put back says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bot::{Bot, Received, status};
use super::variables;
use crate::harness::{FakeBotApi, KeepAliveClient, Program, message, run, waiting};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_attempt_after_dead_retry_is_a_replay_and_the_next_one_a_retry() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let seen = Arc::new(AtomicUsize::new(0));
    // It takes the update at the fourth attempt.
    let bot = Bot::start(move |_| status(if seen.fetch_add(1, Ordering::SeqCst) < 3 { 500 } else { 200 })).await;
    let (inbox, api) = (format!("sqlite:{}", folder.path().join("inbox.db").display()), telegram.url());
    let url = bot.url("/hook");
    let more = [("DOORBELL__DISPATCH__ATTEMPTS", "2"), ("DOORBELL__DISPATCH__BACKOFF__FIRST", "1ms")];
    let variables = variables([&api, &inbox, &url], &more);
    let program = Program::serve(&variables, &folder.path().join("log"));
    let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
    assert_eq!(line.deliver(&message(1, 7, "a")).await.expect("an answer").status, 200);
    bot.received(2).await;
    waiting::until("the update is put back", async || {
        let (inbox, folder) = (inbox.clone(), folder.path().to_owned());
        let retry = move || run(&["dead", "retry", "--all"], &[("DATABASE_URL", &inbox)], &folder);
        let ended = tokio::task::spawn_blocking(retry).await.expect("without a panic");
        ended.stdout.contains("1 dead-letter update").then_some(())
    })
    .await;
    let requests = bot.received(4).await;
    let header =
        |name| requests.iter().map(|request: &Received| request.header(name).unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(header("x-doorbell-trigger"), ["first", "retry", "replay", "retry"]);
    assert_eq!(header("x-doorbell-attempt"), ["1", "2", "1", "2"]);
    drop(program);
}
