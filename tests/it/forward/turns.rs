//! Turns of minutes: an update that is with the bot for long holds no others back.

use doorbell::handler::forward::{BotStatus, Target};
use serde_json::json;

use super::bot::{Act, Bot, Received, status};
use super::requests::target;
use super::{in_front_of, status_is};
use crate::harness::message;

fn ids(requests: &[Received]) -> Vec<i64> {
    requests.iter().map(Received::update_id).collect()
}

#[tokio::test]
async fn a_long_turn_that_is_the_first_update_after_a_start_holds_no_others_back() {
    let bot = Bot::start(|request| if request.update_id() == 1 { Act::Hang } else { status(200) }).await;
    let mut app = in_front_of(&bot).start().await;
    app.allow_unfinished_work = true;
    app.deliver(&message(1, 7, "a long turn")).await;
    bot.received(1).await;
    app.deliver(&message(2, 8, "a")).await;
    assert_eq!(ids(&bot.received(2).await), [1, 2]);
}

#[tokio::test]
async fn a_bot_that_returns_gets_updates_beside_its_long_turns() {
    let bot = Bot::start(|request| if (2..=40).contains(&request.update_id()) { Act::Hang } else { status(200) }).await;
    let mut app = in_front_of(&bot).start().await;
    app.allow_unfinished_work = true;
    app.deliver(&message(1, 1, "a")).await;
    status_is(&app, "available", BotStatus::is_available).await;
    bot.received(1).await;
    for id in 2..=40 {
        app.deliver(&message(id, id, "a long turn")).await;
    }
    bot.received(40).await;
    // A new target is tried as a bot that returns.
    let targets = app.targets.as_ref().expect("there is a bot");
    targets.set(target("https://bot.example/hook", None));
    app.deliver(&message(41, 41, "a")).await;
    assert_eq!(bot.received(41).await.last().map(Received::update_id), Some(41));
}

#[tokio::test]
async fn a_bot_that_is_busy_with_all_that_it_takes_gets_an_urgent_update() {
    let bot = Bot::start(|request| if (2..=30).contains(&request.update_id()) { Act::Hang } else { status(200) }).await;
    let mut app = in_front_of(&bot).start().await;
    app.allow_unfinished_work = true;
    let full = Target { max_connections: Some(16), ..target("https://bot.example/hook", None) };
    app.targets.as_ref().expect("there is a bot").set(full);
    app.deliver(&message(1, 1, "a")).await;
    bot.received(1).await;
    for id in 2..=30 {
        app.deliver(&message(id, id, "a long turn")).await;
    }
    bot.received(16).await;
    let payment = json!({ "update_id": 50, "pre_checkout_query": { "id": "1", "from": { "id": 5 } } });
    assert_eq!(app.deliver(&payment).await.status, 200);
    let received = bot.received(17).await;
    assert_eq!(received.last().map(Received::update_id), Some(50), "{:?}", ids(&received));
}
