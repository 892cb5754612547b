//! A clock that is wrong, or is set right, ages nothing and keeps nothing waiting.

use std::time::Duration;

use bytes::Bytes;
use doorbell::clock::elapsed;
use doorbell::inbox::{Accepted, Verdict};
use doorbell::update::ChatKey;

use super::fixture::{Fixture, retry};

const TWO_DAYS: i64 = 2 * 86_400;

/// A button that was pressed: Telegram waits for the answer for 150 s.
async fn press(f: &Fixture, id: i64, sent_after: i64) {
    let mut update = f.update(id, "callback_query", ChatKey::Chat(id), Bytes::from_static(b"{}"));
    update.expires_at = doorbell::clock::later(update.received_at, Duration::from_secs(150));
    let sent_at = update.received_at.checked_add(jiff::SignedDuration::from_secs(sent_after)).unwrap();
    update.sent_at = Some(sent_at);
    drop(f.offer(update).await);
}

/// What is left of the life of the next update, in seconds.
async fn life_left(f: &Fixture) -> u64 {
    let delivery = f.next().await;
    f.settle(delivery.lease, Verdict::Released).await;
    elapsed(f.now(), delivery.update.expires_at).as_secs()
}

pub(super) async fn a_clock_that_was_behind_and_is_set_right_ages_nothing(f: &mut Fixture) {
    press(f, 1, 0).await;
    f.set_clock(TWO_DAYS).await;
    assert!((140..=150).contains(&life_left(f).await));
    f.restart().await;
    if f.survives_a_restart() {
        f.pass(doorbell::inbox::LEASE).await;
        assert!((80..=150).contains(&life_left(f).await), "nor across a restart");
        assert_eq!(f.work_one().await, 1);
        f.pass(Duration::from_hours(20)).await;
        f.sweep().await;
        assert_eq!(f.offer(f.message(1, 1)).await.answer().await.unwrap(), Accepted::Known, "it ended a while ago");
    }
}

pub(super) async fn a_clock_that_telegrams_dates_show_to_be_behind_ages_nothing(f: &mut Fixture) {
    press(f, 1, TWO_DAYS).await;
    // The service ends while its clock is wrong, and starts when it is right.
    if f.survives_a_restart() {
        f.close().await;
        f.set_clock(TWO_DAYS).await;
        f.restart().await;
        assert!((140..=150).contains(&life_left(f).await));
    }
}

pub(super) async fn a_clock_that_is_set_back_keeps_nothing_waiting(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2)]).await;
    for delivery in f.claim().await {
        f.settle(delivery.lease, retry(f.after(1))).await;
    }
    f.set_clock(-3_600).await;
    f.pass(Duration::from_secs(1)).await;
    assert_eq!(f.work_one().await, 1);
    f.restart().await;
    if f.survives_a_restart() {
        f.pass(Duration::from_secs(1)).await;
        assert_eq!(f.work_one().await, 2);
    }
}
