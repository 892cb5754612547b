//! Updates of a chat are claimed one at a time, in the order of acceptance; chats are concurrent.

use std::time::Duration;

use bytes::Bytes;
use doorbell::inbox::{Claimable, Verdict};
use doorbell::update::ChatKey;

use super::fixture::{Fixture, retry};
use super::ids;
use crate::harness::waiting::soon;

pub(super) async fn updates_of_a_chat_are_claimed_one_at_a_time_in_order_of_acceptance(f: &mut Fixture) {
    // Telegram's ids say nothing about the order: they may start again anywhere.
    let order = [50, 3, 90, 4, 1];
    f.store(&order.map(|id| (id, 1))).await;
    for id in order {
        let delivery = f.next().await;
        assert_eq!(delivery.update.id.0, id);
        assert_eq!(ids(&f.claim().await), [0; 0], "the chat is being served");
        f.settle(delivery.lease, Verdict::Done).await;
    }
    assert_eq!(f.counts().await, (0, 0, 0));
}

pub(super) async fn chats_are_served_concurrently(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1), (3, 2), (4, 2), (5, 3)]).await;
    let first = f.claim().await;
    assert_eq!(ids(&first), [1, 3, 5]);
    f.settle(first[1].lease, Verdict::Done).await;
    assert_eq!(f.next().await.update.id.0, 4, "chat 2 goes on while 1 and 3 are at work");
}

pub(super) async fn chats_users_and_single_updates_have_separate_lanes(f: &mut Fixture) {
    let keys = [ChatKey::chat(1), ChatKey::user(1), ChatKey::update(1), ChatKey::chat(1), ChatKey::user(1)];
    for (id, key) in (1..).zip(keys) {
        drop(f.offer(f.update(id, "message", key, Bytes::from_static(b"{}"))).await);
    }
    assert_eq!(ids(&f.claim().await), [1, 2, 3]);
}

pub(super) async fn a_claim_takes_no_more_than_its_limit(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3)]).await;
    assert_eq!(f.claim_up_to(2).await.len(), 2);
    assert_eq!(f.claim_up_to(0).await.len(), 0);
    assert_eq!(f.claim_up_to(2).await.len(), 1);
}

pub(super) async fn a_retry_delays_only_its_own_chat_until_its_time(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1), (3, 3)]).await;
    let first = f.claim_up_to(1).await.remove(0);
    f.settle(first.lease, retry(f.after(300))).await;
    let other = f.claim().await;
    assert_eq!(ids(&other), [3], "2 waits behind 1");
    f.settle(other[0].lease, Verdict::Done).await;
    f.pass(Duration::from_secs(290)).await;
    assert_eq!(ids(&f.claim().await), [0; 0], "it is not the time yet");
    f.pass(Duration::from_secs(11)).await;
    let again = f.next().await;
    assert_eq!((again.update.id.0, again.attempt), (1, 2));
    f.settle(again.lease, Verdict::Done).await;
    assert_eq!(f.next().await.update.id.0, 2);
}

pub(super) async fn ready_returns_when_an_update_arrives(f: &mut Fixture) {
    f.work_off().await;
    let (id, ()) = tokio::join!(f.work_one(), f.store(&[(1, 1)]));
    assert_eq!(id, 1);
}

pub(super) async fn ready_returns_when_the_next_update_of_a_chat_may_be_claimed(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    let first = f.next().await;
    f.work_off().await;
    let (id, ()) = tokio::join!(f.work_one(), f.settle(first.lease, Verdict::Done));
    assert_eq!(id, 2);
}

pub(super) async fn ready_returns_when_a_retry_is_due(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let first = f.next().await;
    f.settle(first.lease, retry(f.after(30))).await;
    f.work_off().await;
    let (id, ()) = tokio::join!(f.work_one(), f.pass(Duration::from_secs(31)));
    assert_eq!(id, 1);
    // Also if there was no claim since the retry was scheduled.
    f.store(&[(2, 2)]).await;
    let second = f.next().await;
    let at = doorbell::clock::later(f.now(), Duration::from_millis(1));
    f.settle(second.lease, retry(at)).await;
    f.pass(Duration::from_millis(2)).await;
    soon("the moment of the retry", f.inbox().ready(Claimable::Any)).await;
}
