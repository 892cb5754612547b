//! A wrong clock, and its correction, age no update and delay none.

use std::time::Duration;

use bytes::Bytes;
use doorbell::clock::elapsed;
use doorbell::inbox::{Accepted, Verdict};
use doorbell::update::ChatKey;

use super::fixture::{Fixture, retry};

const TWO_DAYS: i64 = 2 * 86_400;

/// Offers the press of a button: Telegram waits 150 s for the answer.
async fn press(f: &Fixture, id: i64, sent_after: i64) {
    let mut update = f.update(id, "callback_query", ChatKey::chat(id), Bytes::from_static(b"{}"));
    update.expires_at = doorbell::clock::later(update.received_at, Duration::from_secs(150));
    let sent_at = update.received_at.checked_add(jiff::SignedDuration::from_secs(sent_after)).unwrap();
    update.sent_at = Some(sent_at);
    drop(f.offer(update).await);
}

/// The rest of the lifetime of the next update, in seconds.
async fn lifetime_left(f: &Fixture) -> u64 {
    let delivery = f.next().await;
    f.settle(delivery.lease, Verdict::Released).await;
    elapsed(f.now(), delivery.update.expires_at).as_secs()
}

pub(super) async fn correcting_a_slow_clock_ages_no_update(f: &mut Fixture) {
    press(f, 1, 0).await;
    f.set_clock(TWO_DAYS).await;
    assert!((140..=150).contains(&lifetime_left(f).await));
    f.restart().await;
    if f.survives_a_restart() {
        f.pass(doorbell::inbox::LEASE).await;
        assert!((80..=150).contains(&lifetime_left(f).await), "nor across a restart");
        assert_eq!(f.work_one().await, 1);
        f.pass(Duration::from_hours(20)).await;
        f.sweep().await;
        assert_eq!(f.offer(f.message(1, 1)).await.answer().await.unwrap(), Accepted::Known, "it ended a while ago");
    }
}

pub(super) async fn a_slow_clock_that_telegrams_dates_reveal_ages_no_update(f: &mut Fixture) {
    press(f, 1, TWO_DAYS).await;
    // The service stops while its clock is wrong, and starts when it is correct.
    if f.survives_a_restart() {
        f.close().await;
        f.set_clock(TWO_DAYS).await;
        f.restart().await;
        assert!((140..=150).contains(&lifetime_left(f).await));
    }
}

pub(super) async fn setting_the_clock_back_delays_no_retry(f: &mut Fixture) {
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
