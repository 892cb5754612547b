//! What must be answered soon is claimed first, and what stops a turn does not wait behind it.

use std::time::Duration;

use bytes::Bytes;
use doorbell::inbox::{Claimable, Delivery, Selection, Verdict};
use doorbell::update::{ChatKey, Lane};

use super::fixture::{Fixture, dead, ids};
use crate::harness::waiting::soon;

/// Stores an update of this kind with this key.
async fn store(f: &Fixture, id: i64, kind: &str, key: ChatKey) {
    drop(f.offer(f.update(id, kind, key, Bytes::from_static(b"{}"))).await);
}

/// Claims the next updates one by one, and leaves them claimed. Returns their ids.
async fn claim_in_order(f: &Fixture, count: usize) -> Vec<i64> {
    let mut claimed = Vec::new();
    for _ in 0..count {
        claimed.extend(f.claim_up_to(1).await.iter().map(|delivery| delivery.update.id.0));
    }
    claimed
}

async fn claim_urgent(f: &Fixture) -> Vec<Delivery> {
    let mut claimed = f.inbox().claim(100, Claimable::Urgent).await.unwrap();
    claimed.sort_by_key(|delivery| delivery.update.id);
    claimed
}

pub(super) async fn an_express_update_is_claimed_while_its_chat_is_busy(f: &mut Fixture) {
    f.store(&[(1, 5), (2, 5)]).await;
    let turn = f.next().await;
    store(f, 3, "callback_query", ChatKey::chat(5).in_lane(Lane::Express)).await;
    let stop = f.next().await;
    assert_eq!((turn.update.id.0, stop.update.id.0), (1, 3));
    assert_eq!(stop.update.chat_key, ChatKey::chat(5).in_lane(Lane::Express));
    assert_eq!(ids(&f.claim().await), [0; 0], "the next message of the chat waits behind the turn");
    f.settle(stop.lease, Verdict::Done).await;
    f.settle(turn.lease, Verdict::Done).await;
    assert_eq!(f.work_one().await, 2);
}

pub(super) async fn an_express_lane_is_in_order_too(f: &mut Fixture) {
    let express = ChatKey::chat(5).in_lane(Lane::Express);
    store(f, 9, "message", express).await;
    store(f, 3, "stopped_message_generation", express).await;
    let first = f.claim().await;
    assert_eq!(ids(&first), [9]);
    f.settle(first[0].lease, Verdict::Done).await;
    assert_eq!(f.work_one().await, 3);
}

pub(super) async fn a_restart_restores_lanes_and_deadlines(f: &mut Fixture) {
    if !f.survives_a_restart() {
        return;
    }
    f.store(&[(1, 1)]).await;
    store(f, 2, "message", ChatKey::chat(1).in_lane(Lane::Express)).await;
    store(f, 3, "pre_checkout_query", ChatKey::user(3)).await;
    f.restart().await;
    assert_eq!(ids(&claim_urgent(f).await), [2, 3]);
    assert_eq!(ids(&f.claim().await), [1]);
}

pub(super) async fn what_must_be_answered_soonest_is_claimed_first(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    store(f, 2, "callback_query", ChatKey::chat(2)).await;
    store(f, 3, "inline_query", ChatKey::user(3)).await;
    store(f, 4, "pre_checkout_query", ChatKey::user(4)).await;
    assert_eq!(claim_in_order(f, 4).await, [4, 3, 2, 1]);
}

pub(super) async fn of_four_claimed_updates_one_has_no_deadline(f: &mut Fixture) {
    for id in 1..=8 {
        store(f, id, "pre_checkout_query", ChatKey::user(id)).await;
    }
    f.store(&[(11, 11), (12, 12), (13, 13)]).await;
    let claimed = claim_in_order(f, 11).await;
    let others: Vec<usize> = (0..).zip(&claimed).filter(|(_, id)| **id > 10).map(|(place, _)| place).collect();
    assert_eq!(others, [3, 7, 10], "{claimed:?}");
    // In one claim too.
    for id in 21..=28 {
        store(f, id, "pre_checkout_query", ChatKey::user(id)).await;
    }
    f.store(&[(31, 31), (32, 32), (33, 33)]).await;
    let claimed = f.claim_up_to(8).await;
    assert_eq!(claimed.iter().filter(|delivery| delivery.update.id.0 > 30).count(), 2, "{:?}", ids(&claimed));
}

pub(super) async fn an_update_that_can_no_longer_be_answered_in_time_waits_behind_the_others(f: &mut Fixture) {
    store(f, 1, "pre_checkout_query", ChatKey::user(1)).await;
    f.pass(Duration::from_secs(20)).await;
    store(f, 2, "callback_query", ChatKey::chat(2)).await;
    store(f, 3, "pre_checkout_query", ChatKey::user(3)).await;
    assert_eq!(claim_in_order(f, 3).await, [3, 2, 1]);
}

pub(super) async fn a_revived_update_has_a_new_deadline(f: &mut Fixture) {
    store(f, 1, "pre_checkout_query", ChatKey::user(1)).await;
    let first = f.next().await;
    f.settle(first.lease, dead()).await;
    f.pass(Duration::from_mins(1)).await;
    f.store(&[(2, 2)]).await;
    f.inbox().revive(&Selection::All).await.unwrap();
    f.sweep().await;
    assert_eq!(claim_in_order(f, 2).await, [1, 2]);
}

pub(super) async fn a_claim_of_urgent_updates_takes_no_others(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    store(f, 2, "callback_query", ChatKey::chat(2)).await;
    store(f, 3, "inline_query", ChatKey::user(3)).await;
    store(f, 4, "message", ChatKey::chat(1).in_lane(Lane::Express)).await;
    assert_eq!(ids(&claim_urgent(f).await), [3, 4]);
    assert_eq!(ids(&f.claim().await), [1, 2]);
    store(f, 5, "inline_query", ChatKey::user(5)).await;
    f.pass(Duration::from_secs(31)).await;
    assert_eq!(ids(&claim_urgent(f).await), [0; 0], "it is too late for an answer");
    assert_eq!(ids(&f.claim().await), [5]);
}

pub(super) async fn ready_returns_when_an_urgent_update_arrives(f: &mut Fixture) {
    f.work_off().await;
    let inbox = f.inbox();
    f.store(&[(1, 1)]).await;
    let urgent = store(f, 2, "pre_checkout_query", ChatKey::user(2));
    let claimed = async {
        loop {
            inbox.ready(Claimable::Urgent).await;
            let claimed = inbox.claim(10, Claimable::Urgent).await.unwrap();
            if !claimed.is_empty() {
                return ids(&claimed);
            }
        }
    };
    let (claimed, ()) = tokio::join!(soon("an urgent update to be ready", claimed), urgent);
    assert_eq!(claimed, [2]);
}

pub(super) async fn ready_returns_when_an_urgent_update_is_next_in_its_lane(f: &mut Fixture) {
    let key = ChatKey::user(7);
    for id in [1, 2] {
        store(f, id, "pre_checkout_query", key).await;
    }
    let first = claim_urgent(f).await.remove(0);
    assert_eq!(ids(&claim_urgent(f).await), [0; 0]);
    f.settle(first.lease, Verdict::Done).await;
    soon("the next one to be ready", f.inbox().ready(Claimable::Urgent)).await;
    assert_eq!(ids(&claim_urgent(f).await), [2]);
}
