use std::collections::BTreeMap;

use super::bot::{Act, Bot, Received, status};
use super::{holds, in_front_of};
use crate::harness::message;

/// The text of the message that ends the bot's process.
const POISON: &str = "poison";

fn is_poison(request: &Received) -> bool {
    String::from_utf8_lossy(&request.body).contains(POISON)
}

/// How often the bot got each update.
fn times(bot: &Bot) -> BTreeMap<i64, usize> {
    let mut times = BTreeMap::new();
    for request in bot.requests() {
        *times.entry(request.update_id()).or_default() += 1;
    }
    times
}

/// Delivers 500 updates of as many chats to a bot whose process ends with the 250th.
async fn five_hundred(inbox: &str, poisoned: &'static [u8], dead: u64) -> (BTreeMap<i64, usize>, usize) {
    let Act::Answer(taken) = status(200) else { panic!("an answer") };
    let bot = Bot::start(move |request| {
        if is_poison(request) {
            Act::Crash(poisoned.to_vec())
        } else {
            Act::Later(std::time::Duration::from_millis(3), taken.clone())
        }
    })
    .await;
    let crashes = bot.restart_after_crashes();
    let mut wanted = in_front_of(&bot);
    if inbox != "sqlite" {
        wanted = wanted.with("inbox.url", inbox);
    }
    let mut app = wanted.start().await;
    app.allow_unfinished_work = true;
    let deliveries = (1..=500).map(|id| {
        let app = &app;
        async move { app.deliver(&message(id, id, if id == 250 { POISON } else { "a" })).await.status }
    });
    let statuses = futures_util::future::join_all(deliveries).await;
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    holds(&app, 0, dead).await;
    (times(&bot), *crashes.borrow())
}

#[tokio::test]
async fn one_update_that_ends_the_bot_is_found_and_the_499_others_are_handled() {
    let (times, crashes) = five_hundred("sqlite", b"", 1).await;
    assert_eq!((times.len(), times[&250]), (500, 8));
    assert_eq!(crashes, 8, "each attempt at it is one restart, and there is no other");
    let others = times.iter().filter(|(id, _)| **id != 250).map(|(_, times)| *times);
    assert!(others.clone().all(|times| times <= 2), "no other pays more than one attempt: {times:?}");
}

#[tokio::test]
async fn an_update_that_ends_the_bot_after_its_200_harms_the_others_once_at_most() {
    let (times, crashes) = five_hundred("sqlite", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0).await;
    assert_eq!((times.len(), times[&250], crashes), (500, 1, 1));
    assert!(times.values().all(|times| *times <= 2), "{times:?}");
}
