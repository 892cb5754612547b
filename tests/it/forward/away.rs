use std::time::{Duration, Instant};

use doorbell::handler::forward::BotStatus;

use super::bot::{Bot, Received, status};
use super::{holds, in_front_of, status_is, variables};
use crate::harness::postgres::Database;
use crate::harness::{FakeBotApi, KeepAliveClient, Log, Program, SteppedClock, message, waiting};

/// Whether each request was a first attempt.
fn all_first(requests: &[Received]) -> bool {
    requests.iter().all(|request| request.header("x-doorbell-attempt") == Some("1"))
}

fn is_away(status: &BotStatus) -> bool {
    matches!(status, BotStatus::Away { reason, .. } if reason == "connection refused")
}

#[tokio::test]
async fn a_bot_that_is_away_for_ten_minutes_costs_no_attempt_and_no_update() {
    let (clock, log) = (SteppedClock::new(), Log::capture());
    let bot = Bot::not_started(|_| status(200)).await;
    let app = in_front_of(&bot).with("dispatch.attempts", 1).with_clock(&clock).start().await;
    app.registered().await;
    for id in 1..=20 {
        assert_eq!(app.deliver(&message(id, id % 5, "a")).await.status, 200);
    }
    clock.advance(600, 1).await;
    status_is(&app, "away", is_away).await;
    holds(&app, 20, 0).await;
    assert_eq!(app.survey().await.held, 0, "nothing is claimed");
    bot.run().await;
    clock.advance(2, 1).await;
    let requests = bot.received(20).await;
    assert!(all_first(&requests));
    holds(&app, 0, 0).await;
    let counts = app.forward.as_ref().expect("there is a bot").counts();
    assert!((599.0..=603.0).contains(&counts.away.get()), "{} s", counts.away.get());
    assert_eq!(log.lines("your bot is away").len(), 1);
    assert_eq!(log.lines("your bot takes connections").len(), 1);
    for chat in 0..5 {
        let ids: Vec<_> = requests.iter().map(Received::update_id).filter(|id| id % 5 == chat).collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }
}

#[tokio::test]
async fn a_bot_that_returns_gets_its_updates_within_a_second() {
    let bot = Bot::not_started(|_| status(200)).await;
    let app = in_front_of(&bot).with("dispatch.attempts", 1).start().await;
    for id in 1..=20 {
        assert_eq!(app.deliver(&message(id, id, "a")).await.status, 200);
    }
    // The wait between two attempts has grown to its longest by then.
    let counts = app.forward.as_ref().expect("there is a bot").counts().clone();
    waiting::until("it is away for 2 s", async || (counts.away.get() > 2.0).then_some(())).await;
    bot.run().await;
    let returned = Instant::now();
    let requests = bot.received(20).await;
    let took = returned.elapsed();
    assert!(took < Duration::from_millis(1500), "{took:?}: a second, and some time for a busy machine");
    assert!(all_first(&requests));
    holds(&app, 0, 0).await;
}

#[tokio::test]
async fn a_bot_that_ends_while_it_gets_no_updates_is_noticed() {
    let clock = SteppedClock::new();
    let bot = Bot::start(|_| status(200)).await;
    let app = in_front_of(&bot).with_clock(&clock).start().await;
    status_is(&app, "available", BotStatus::is_available).await;
    bot.stop().await;
    let status = app.forward.as_ref().expect("there is a bot").status();
    clock.advance_until(30, 1, || is_away(&status.borrow())).await;
}

#[tokio::test]
async fn the_200_of_the_memory_inbox_waits_until_the_bot_is_back() {
    let bot = Bot::not_started(|_| status(200)).await;
    let app = in_front_of(&bot).with("inbox.url", "memory:").start().await;
    let mut line = KeepAliveClient::connect(app.addr).await.expect("it listens");
    line.send(&message(1, 7, "a")).await.expect("it is sent");
    status_is(&app, "away", is_away).await;
    holds(&app, 1, 0).await;
    bot.run().await;
    assert_eq!(waiting::soon("the answer", line.answer()).await.expect("an answer").status, 200);
    assert_eq!(bot.requests().len(), 1);
}

#[tokio::test]
async fn updates_wait_in_postgresql_for_a_bot_that_is_away() {
    let Some(database) = Database::fresh().await else { return };
    let bot = Bot::not_started(|_| status(200)).await;
    let mut app = in_front_of(&bot).with("inbox.url", &database.url).with("dispatch.attempts", 1).start().await;
    // The check at the end would need the runtime of this test, which waits for it.
    app.allow_unfinished_work = true;
    waiting::until("the database is used", async || {
        (app.deliver(&message(1, 1, "a")).await.status == 200).then_some(())
    })
    .await;
    for id in 2..=10 {
        assert_eq!(app.deliver(&message(id, id, "a")).await.status, 200);
    }
    status_is(&app, "away", is_away).await;
    bot.run().await;
    assert!(all_first(&bot.received(10).await));
    holds(&app, 0, 0).await;
}

#[tokio::test]
async fn a_service_that_stops_while_the_bot_is_away_stops_at_once_and_keeps_the_updates() {
    let bot = Bot::not_started(|_| status(200)).await;
    let mut app = in_front_of(&bot).start().await;
    for id in 1..=3 {
        assert_eq!(app.deliver(&message(id, id, "a")).await.status, 200);
    }
    status_is(&app, "away", is_away).await;
    let folder = std::sync::Arc::clone(&app.folder);
    app.stop().await.expect("a clean stop");
    drop(app);
    bot.run().await;
    let mut again = in_front_of(&bot);
    again.folder = Some(folder);
    let again = again.start().await;
    assert!(all_first(&bot.received(3).await));
    holds(&again, 0, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_of_the_service_while_it_forwards_loses_no_update() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let super::bot::Act::Answer(taken) = status(200) else { panic!("an answer") };
    let bot = Bot::start(move |_| super::bot::Act::Later(Duration::from_millis(5), taken.clone())).await;
    let (inbox, api) = (format!("sqlite:{}", folder.path().join("inbox.db").display()), telegram.url());
    let url = bot.url("/hook");
    let variables = variables([&api, &inbox, &url], &[]);
    let mut acknowledged = 0;
    for _ in 0..3 {
        let mut program = Program::serve(&variables, &folder.path().join("log"));
        let mut line = KeepAliveClient::connect(program.addr).await.expect("it listens");
        for _ in 0..200 {
            acknowledged += 1;
            let update = message(acknowledged, acknowledged % 40, "a");
            assert_eq!(line.deliver(&update).await.expect("an answer").status, 200);
        }
        program.child.kill().expect("it runs");
        program.child.wait().expect("it ends");
    }
    let program = Program::serve(&variables, &folder.path().join("log"));
    let all = |requests: &[Received]| {
        let ids: std::collections::BTreeSet<_> = requests.iter().map(Received::update_id).collect();
        ids.len() == usize::try_from(acknowledged).expect("a small number")
    };
    waiting::until("all are forwarded", async || all(&bot.requests()).then_some(())).await;
    drop(program);
}
