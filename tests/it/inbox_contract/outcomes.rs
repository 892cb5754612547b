//! The effects of each verdict.

use std::time::Duration;

use doorbell::inbox::{Delivery, Verdict};
use doorbell::telegram::Call;

use super::fixture::{Fixture, dead, retry};

fn postponed(f: &Fixture) -> Verdict {
    Verdict::Postpone { at: f.now(), reason: "the bot is away".to_owned() }
}

fn calls_left(f: &Fixture, texts: &[&str]) -> Verdict {
    let calls = texts.iter().map(|text| Call::send_message(1, *text)).collect();
    Verdict::CallsLeft { calls, at: f.now(), reason: "429".to_owned() }
}

fn texts(delivery: &Delivery) -> Option<Vec<&str>> {
    delivery.calls_left.as_ref().map(|calls| calls.iter().filter_map(|call| call.params["text"].as_str()).collect())
}

pub(super) async fn a_retry_counts_as_an_attempt_and_a_postponement_does_not(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let verdicts = [
        (1, retry(f.now())),
        (2, postponed(f)),
        (2, calls_left(f, &["a"])),
        (2, Verdict::Released),
        (2, retry(f.now())),
    ];
    for (attempt, verdict) in verdicts {
        let delivery = f.next().await;
        assert_eq!(delivery.attempt, attempt, "before {verdict:?}");
        f.settle(delivery.lease, verdict).await;
    }
    assert_eq!(f.next().await.attempt, 3);
}

pub(super) async fn a_release_restores_the_state_before_the_claim(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    f.settle(f.next().await.lease, calls_left(f, &["a"])).await;
    let delivery = f.next().await;
    f.settle(delivery.lease, Verdict::Released).await;
    assert_eq!(f.counts().await, (2, 0, 0));
    let again = f.next().await;
    assert_eq!((again.update.id.0, again.attempt, texts(&again)), (1, 1, Some(vec!["a"])));
    assert!(again.lease.token > delivery.lease.token, "its fencing token is greater");
}

pub(super) async fn the_latest_calls_left_are_delivered(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let first = f.next().await;
    assert_eq!(texts(&first), None);
    f.settle(first.lease, calls_left(f, &["a", "b\u{0}", "c"])).await;
    let second = f.next().await;
    assert_eq!(texts(&second), Some(vec!["a", "b\u{0}", "c"]));
    f.settle(second.lease, postponed(f)).await;
    let third = f.next().await;
    assert_eq!(texts(&third), Some(vec!["a", "b\u{0}", "c"]), "another verdict leaves them as they are");
    f.settle(third.lease, calls_left(f, &["c"])).await;
    let fourth = f.next().await;
    assert_eq!(texts(&fourth), Some(vec!["c"]));
    f.settle(fourth.lease, calls_left(f, &[])).await;
    assert_eq!(texts(&f.next().await), Some(vec![]), "no calls left is not the same as not handled");
}

pub(super) async fn a_call_that_is_left_keeps_its_history(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let with_history = r#"[{"method":"sendMessage","params":{"chat_id":1},"origin":"/start","unknown_outcomes":2}]"#;
    let calls: Vec<Call> = serde_json::from_str(with_history).unwrap();
    let left = Verdict::CallsLeft { calls: calls.clone(), at: f.now(), reason: "it was cut off".to_owned() };
    f.settle(f.next().await.lease, left).await;
    assert_eq!(f.next().await.calls_left, Some(calls));
}

pub(super) async fn refused_calls_are_stored_with_the_dead_letter_update_and_delivered_after_a_revive(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    f.settle(f.next().await.lease, calls_left(f, &["made", "refused"])).await;
    let calls = vec![Call::send_message(1, "refused")];
    let refused = Verdict::Refused { calls: calls.clone(), reason: "/start, sendMessage: 400".to_owned() };
    f.settle(f.next().await.lease, refused).await;
    assert_eq!(f.counts().await, (1, 0, 1));
    assert_eq!(f.work_one().await, 2, "its chat continues");
    let all = doorbell::inbox::Selection::All;
    let record = f.inbox().list(&all, 1).await.unwrap().remove(0);
    assert_eq!((record.reason.as_deref(), record.calls_left), (Some("/start, sendMessage: 400"), Some(calls)));
    f.inbox().revive(&all).await.unwrap();
    assert_eq!(texts(&f.next().await), Some(vec!["refused"]));
}

pub(super) async fn a_done_or_expired_update_lets_its_chat_go_on(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1), (3, 1)]).await;
    f.settle(f.next().await.lease, Verdict::Done).await;
    f.settle(f.next().await.lease, Verdict::Expired).await;
    assert_eq!(f.next().await.update.id.0, 3);
    f.pass(Duration::from_hours(1)).await;
    f.sweep().await;
    assert_eq!(f.next().await.update.id.0, 3, "its lease has lapsed; 1 and 2 do not come back");
}

pub(super) async fn reasons_may_contain_any_character(f: &mut Fixture) {
    let reason = "it said: \u{0}\u{1F514} '\"\\ \u{FFFD}";
    f.store(&[(1, 1), (2, 2)]).await;
    for delivery in f.claim().await {
        let reason = reason.to_owned();
        let verdict =
            if delivery.update.id.0 == 1 { Verdict::Dead { reason } } else { Verdict::Retry { at: f.now(), reason } };
        f.settle(delivery.lease, verdict).await;
    }
    let again = f.next().await;
    assert_eq!(again.attempt, 2);
    f.settle(again.lease, dead()).await;
    let listed = f.inbox().list(&doorbell::inbox::Selection::All, 1).await.unwrap().remove(0);
    // A store may replace NUL with a visible character.
    assert_eq!(listed.reason.unwrap().replace('\u{0}', "\u{FFFD}"), reason.replace('\u{0}', "\u{FFFD}"));
}
