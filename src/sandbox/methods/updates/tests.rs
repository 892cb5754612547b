use serde_json::json;

use super::*;
use crate::sandbox::tests::TestSandbox;

#[tokio::test]
async fn polling_is_refused_while_a_webhook_is_set_and_a_second_refusal_is_delayed_by_three_seconds() {
    let telegram = TestSandbox::start().await;
    let _receiver = telegram.receiver(json!({})).await;
    let refused = telegram.call("getUpdates", json!({})).await;
    assert_eq!((refused.code, &refused.body["description"]), (409, &json!(WEBHOOK_IS_ACTIVE)));
    let second = telegram.call("getUpdates", json!({}));
    tokio::pin!(second);
    assert!(futures_util::poll!(&mut second).is_pending());
    let received = |n| move |sandbox: &crate::sandbox::Sandbox| sandbox.calls().len() == n;
    tokio::select! {
        biased;
        _ = &mut second => unreachable!("it is delayed"),
        () = telegram.sandbox.until(received(3)) => {}
    }
    // The call may begin to wait a moment later, so the clock moves until it is answered.
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut second => break answer,
            () = tokio::task::yield_now() => telegram.advance(1),
        }
    };
    assert_eq!(answer.code, 409);
}

#[tokio::test]
async fn the_newer_of_two_long_polls_ends_the_older() {
    let telegram = TestSandbox::start().await;
    let first = telegram.call("getUpdates", json!({"timeout": 50}));
    let waiting = telegram.sandbox.until(|sandbox| sandbox.shared.lock().polling.waiting.is_some());
    let second = async {
        waiting.await;
        telegram.call("getUpdates", json!({"timeout": 50, "offset": -1})).await
    };
    let write = async {
        telegram.sandbox.until(|sandbox| sandbox.calls().iter().any(|call| call.code == Some(409))).await;
        telegram.sandbox.send_text(1, "Ann", "a");
    };
    let (first, second, ()) = tokio::join!(first, second, write);
    assert_eq!((first.code, &first.body["description"]), (409, &json!(OTHER_REQUEST)));
    assert_eq!(second.body["result"][0]["message"]["text"], "a");
}

#[tokio::test]
async fn set_webhook_ends_a_long_poll() {
    let telegram = TestSandbox::start().await;
    let polling = telegram.call("getUpdates", json!({"timeout": 50}));
    let setting = async {
        telegram.sandbox.until(|sandbox| sandbox.shared.lock().polling.waiting.is_some()).await;
        telegram.call("setWebhook", json!({"url": "http://127.0.0.1:9"})).await
    };
    let (polled, set) = tokio::join!(polling, setting);
    assert_eq!(polled.body["description"], "Conflict: terminated by setWebhook request");
    assert_eq!(set.body["description"], "Webhook was set");
}

#[tokio::test]
async fn an_offset_confirms_the_updates_before_it() {
    let telegram = TestSandbox::start().await;
    let ids = ["a", "b", "c"].map(|text| telegram.sandbox.send_text(1, "Ann", text).0);
    let polled = telegram.call("getUpdates", json!({"limit": 2})).await;
    assert_eq!(polled.body["result"].as_array().unwrap().len(), 2);
    telegram.advance(4);
    let polled = telegram.call("getUpdates", json!({"offset": ids[2]})).await;
    assert_eq!(polled.body["result"][0]["update_id"], ids[2]);
    assert_eq!(telegram.sandbox.pending(), 1);
    telegram.call("getUpdates", json!({"offset": ids[2] + 1})).await;
    assert_eq!(telegram.sandbox.pending(), 0);
}

#[test]
fn a_repeated_request_is_slowed_down() {
    let mut state = State::default();
    let at = |millis: i64| Timestamp::from_millisecond(1_700_000_000_000 + millis).unwrap();
    let poll = |state: &mut State, millis| begin_get(state, at(millis), &Params::default());
    assert!(matches!(poll(&mut state, 0), GetUpdates::Done(_)));
    let GetUpdates::Wait { timeout, limit, .. } = poll(&mut state, 400) else { unreachable!() };
    assert_eq!((timeout, limit), (CONFLICT_DELAY, 1));
    let GetUpdates::Wait { limit, .. } = poll(&mut state, 3000) else { unreachable!() };
    assert_eq!(limit, 100);
}
