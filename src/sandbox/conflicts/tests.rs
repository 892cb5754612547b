use serde_json::json;

use super::super::tests::House;
use super::*;

#[tokio::test]
async fn polling_is_refused_while_a_webhook_is_set_and_again_only_after_three_seconds() {
    let house = House::start().await;
    let _receiver = house.receiver(json!({})).await;
    let refused = house.call("getUpdates", json!({})).await;
    assert_eq!((refused.code, &refused.body["description"]), (409, &json!(ACTIVE)));
    let second = house.call("getUpdates", json!({}));
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    let received = |n| move |sandbox: &super::super::Sandbox| sandbox.calls().len() == n;
    tokio::select! {
        biased;
        _ = &mut second => unreachable!("it is held back"),
        () = house.sandbox.until(received(3)) => {}
    }
    // It is held back by now or a moment later: time moves on until it is answered.
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut second => break answer,
            () = tokio::task::yield_now() => house.advance(1),
        }
    };
    assert_eq!(answer.code, 409);
}

#[tokio::test]
async fn the_newer_of_two_who_poll_wins() {
    let house = House::start().await;
    let first = house.call("getUpdates", json!({"timeout": 50}));
    let waiting = house.sandbox.until(|sandbox| sandbox.shared.lock().polling.waiting.is_some());
    let second = async {
        waiting.await;
        house.call("getUpdates", json!({"timeout": 50, "offset": -1})).await
    };
    let write = async {
        house.sandbox.until(|sandbox| sandbox.calls().iter().any(|call| call.code == Some(409))).await;
        house.sandbox.say(1, "Ann", "a");
    };
    let (first, second, ()) = tokio::join!(first, second, write);
    assert_eq!((first.code, &first.body["description"]), (409, &json!(OTHER)));
    assert_eq!(second.body["result"][0]["message"]["text"], "a");
}

#[tokio::test]
async fn a_webhook_ends_the_waiting() {
    let house = House::start().await;
    let polling = house.call("getUpdates", json!({"timeout": 50}));
    let setting = async {
        house.sandbox.until(|sandbox| sandbox.shared.lock().polling.waiting.is_some()).await;
        house.call("setWebhook", json!({"url": "http://127.0.0.1:9"})).await
    };
    let (polled, set) = tokio::join!(polling, setting);
    assert_eq!(polled.body["description"], "Conflict: terminated by setWebhook request");
    assert_eq!(set.body["description"], "Webhook was set");
}

#[tokio::test]
async fn an_offset_confirms_what_lies_before_it() {
    let house = House::start().await;
    let ids = ["a", "b", "c"].map(|text| house.sandbox.say(1, "Ann", text).0);
    let polled = house.call("getUpdates", json!({"limit": 2})).await;
    assert_eq!(polled.body["result"].as_array().unwrap().len(), 2);
    house.advance(4);
    let polled = house.call("getUpdates", json!({"offset": ids[2]})).await;
    assert_eq!(polled.body["result"][0]["update_id"], ids[2]);
    assert_eq!(house.sandbox.pending(), 1);
    house.call("getUpdates", json!({"offset": ids[2] + 1})).await;
    assert_eq!(house.sandbox.pending(), 0);
}

#[test]
fn asking_for_the_same_again_at_once_is_slowed_down() {
    let mut world = World::new();
    let at = |millis: i64| Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap();
    let poll = |world: &mut World, millis| world.get_updates(at(millis), &Params::default());
    assert!(matches!(poll(&mut world, 0), Polled::Answer(_)));
    let Polled::Wait { timeout, limit, .. } = poll(&mut world, 400) else { unreachable!() };
    assert_eq!((timeout, limit), (APART, 1));
    let Polled::Wait { limit, .. } = poll(&mut world, 3000) else { unreachable!() };
    assert_eq!(limit, 100);
}
