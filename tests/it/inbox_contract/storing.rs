//! An accepted update is stored once, and its id is known for as long as promised.

use std::time::Duration;

use bytes::Bytes;
use doorbell::inbox::{Accepted, Claimable, InboxError, Selection, Verdict};
use doorbell::update::{ChatKey, UpdateId};

use super::fixture::{Fixture, dead, retry};

pub(super) async fn an_update_is_accepted_once_whatever_its_outcome(f: &mut Fixture) {
    let verdicts = [Verdict::Done, Verdict::Expired, dead()];
    for (id, verdict) in (1..).zip(verdicts) {
        let first = f.offer(f.message(id, id)).await;
        let while_waiting = f.offer(f.message(id, id)).await;
        let delivery = f.next().await;
        let while_held = f.offer(f.message(id, 99)).await;
        assert_eq!(f.survey().await.waiting, 0, "no copy waits");
        f.settle(delivery.lease, verdict).await;
        let when_ended = f.offer(f.message(id, id)).await;
        assert_eq!(first.answer().await.unwrap(), Accepted::Stored);
        for copy in [while_waiting, while_held, when_ended] {
            assert_eq!(copy.answer().await.unwrap(), Accepted::Known);
        }
        assert_eq!(f.claim().await.len(), 0, "no copy is given out");
    }
}

pub(super) async fn one_of_fifty_concurrent_copies_is_stored(f: &mut Fixture) {
    let inbox = f.inbox();
    let copies = (0..50).map(|_| inbox.accept(f.message(7, 7)));
    let working_off = async {
        let mut worked_off = vec![f.work_one().await];
        worked_off.extend(super::ids(&f.claim().await));
        worked_off
    };
    let (answers, worked_off) = tokio::join!(futures_util::future::join_all(copies), working_off);
    let stored = answers.iter().filter(|answer| matches!(answer, Ok(Accepted::Stored))).count();
    let known = answers.iter().filter(|answer| matches!(answer, Ok(Accepted::Known))).count();
    assert_eq!((stored, known, worked_off), (1, 49, vec![7]));
}

pub(super) async fn a_delivery_has_the_update_as_it_was_accepted(f: &mut Fixture) {
    let kinds = ["message", "callback_query", "a_kind_of_tomorrow"];
    let keys = [ChatKey::chat(-1_001_234_567_890), ChatKey::user(5_000_000_000), ChatKey::update(3)];
    for ((id, kind), key) in (1..).zip(kinds).zip(keys) {
        let body = Bytes::from(format!(r#" {{ "{kind}": {{}}, "update_id": {id} }}"#));
        let update = f.update(id, kind, key, body);
        drop(f.offer(update.clone()).await);
        let delivery = f.next().await;
        assert_eq!(delivery.update, update);
        assert_eq!((delivery.attempt, delivery.calls_left), (1, None));
        assert_eq!((delivery.lease.update_id, delivery.lease.chat_key), (update.id, key));
        // The second time it is read from the store.
        f.settle(delivery.lease, Verdict::Released).await;
        assert_eq!(f.next().await.update, update);
    }
}

pub(super) async fn unusual_bodies_are_delivered_byte_for_byte(f: &mut Fixture) {
    let every_byte: Vec<u8> = (0..=255).collect();
    let bodies = [every_byte, b"\xef\xbb\xbf{\"update_id\":1}".to_vec(), vec![0; 3], vec![b'x'; 1 << 20]];
    for (id, body) in (1..).zip(bodies) {
        // The kind is a name from JSON: it may contain any character.
        let update = f.update(id, "k\u{0}\u{1F514}'\"\\", ChatKey::update(id), Bytes::from(body));
        drop(f.offer(update.clone()).await);
        let delivery = f.next().await;
        f.settle(delivery.lease, Verdict::Released).await;
        let again = f.next().await;
        assert!(delivery.update.body == update.body && again.update.body == update.body, "body {id}");
    }
}

pub(super) async fn ids_at_the_limits_of_64_bits_are_stored(f: &mut Fixture) {
    for id in [i64::MIN, i64::MAX, 0, -1] {
        let offer = f.offer(f.message(id, id)).await;
        let delivery = f.next().await;
        assert_eq!((delivery.update.id, delivery.update.chat_key), (UpdateId(id), ChatKey::chat(id)));
        f.settle(delivery.lease, Verdict::Done).await;
        assert_eq!(offer.answer().await.unwrap(), Accepted::Stored);
        assert_eq!(f.offer(f.message(id, id)).await.answer().await.unwrap(), Accepted::Known);
    }
    f.pass(Duration::from_hours(49)).await;
    f.sweep().await;
    f.store(&[(i64::MIN, 1), (i64::MAX, 2)]).await;
    assert_eq!(f.survey().await.waiting, 2, "both were forgotten");
}

pub(super) async fn a_full_inbox_refuses_new_updates_and_knows_stored_ones(f: &mut Fixture) {
    f.settings.capacity = 2;
    f.reopen().await;
    f.store(&[(1, 1), (2, 2)]).await;
    let full = f.offer(f.message(3, 3)).await.answer().await;
    assert!(matches!(full, Err(InboxError::Full { capacity: 2 })), "{full:?}");
    let known = f.offer(f.message(1, 1)).await;
    let delivery = f.next().await;
    let full = f.offer(f.message(3, 3)).await.answer().await;
    assert!(matches!(full, Err(InboxError::Full { .. })), "a claimed update counts: {full:?}");
    f.settle(delivery.lease, Verdict::Done).await;
    assert_eq!(f.work_one().await, 2);
    assert_eq!(known.answer().await.unwrap(), Accepted::Known);
    f.store(&[(3, 3)]).await;
    assert_eq!(f.work_one().await, 3);
}

pub(super) async fn a_survey_counts_updates_by_state(f: &mut Fixture) {
    assert_eq!(f.survey().await, doorbell::inbox::Survey::default());
    let oldest = f.message(1, 1);
    drop(f.offer(oldest.clone()).await);
    f.pass(Duration::from_secs(1)).await;
    f.store(&[(2, 1), (3, 3), (4, 4), (5, 5)]).await;
    assert_eq!(f.counts().await, (5, 0, 0));
    for delivery in f.claim().await {
        match delivery.update.id.0 {
            3 => f.settle(delivery.lease, dead()).await,
            4 => f.settle(delivery.lease, Verdict::Done).await,
            5 => f.settle(delivery.lease, retry(f.after(60))).await,
            _ => assert_eq!(delivery.update.id, oldest.id),
        }
    }
    assert_eq!(f.counts().await, (2, 1, 1), "2 waits behind 1, 5 for its time; 1 is held; 3 is dead");
    assert_eq!(f.survey().await.oldest, Some(oldest.received_at));
}

pub(super) async fn ended_ids_are_forgotten_after_keep_done_and_not_before(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)]).await;
    for delivery in f.claim().await {
        match delivery.update.id.0 {
            1 => f.settle(delivery.lease, Verdict::Done).await,
            2 => f.settle(delivery.lease, Verdict::Expired).await,
            3 | 4 => f.settle(delivery.lease, dead()).await,
            _ => f.settle(delivery.lease, retry(f.after(60))).await,
        }
    }
    f.inbox().discard(&Selection::Ids(vec![UpdateId(3)])).await.unwrap();
    f.pass(Duration::from_hours(47)).await;
    f.sweep().await;
    for id in 1..=4 {
        assert_eq!(f.offer(f.message(id, id)).await.answer().await.unwrap(), Accepted::Known, "{id}");
    }
    f.pass(Duration::from_hours(2)).await;
    f.sweep().await;
    assert_eq!(f.counts().await, (1, 0, 1), "what waits and what is dead stays");
    assert_eq!(f.offer(f.message(4, 4)).await.answer().await.unwrap(), Accepted::Known);
    f.store(&[(1, 1), (2, 2), (3, 3)]).await;
    assert_eq!(f.counts().await, (4, 0, 1));
}

pub(super) async fn a_restart_restores_every_update(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3), (4, 1), (5, 5)]).await;
    for delivery in f.claim().await {
        match delivery.update.id.0 {
            1 => {}
            2 => f.settle(delivery.lease, dead()).await,
            3 => f.settle(delivery.lease, Verdict::Done).await,
            _ => f.settle(delivery.lease, retry(f.after(60))).await,
        }
    }
    f.reopen().await;
    if !f.survives_a_restart() {
        assert_eq!(f.survey().await, doorbell::inbox::Survey::default(), "Telegram has what was not acknowledged");
        return;
    }
    if f.holds_across_a_restart() {
        assert_eq!(super::ids(&f.claim().await), [0; 0], "the instance that claimed 1 may still be running");
        f.pass(doorbell::inbox::LEASE).await;
        f.settle(f.next().await.lease, Verdict::Released).await;
    } else {
        assert_eq!(f.counts().await, (3, 0, 1));
        f.pass(doorbell::inbox::LEASE).await;
    }
    for id in [2, 3] {
        assert_eq!(f.offer(f.message(id, id)).await.answer().await.unwrap(), Accepted::Known);
    }
    let mut served: Vec<i64> = Vec::new();
    for _ in 0..3 {
        let delivery = f.next().await;
        let expected = if delivery.update.id == UpdateId(5) { 2 } else { 1 };
        assert_eq!(delivery.attempt, expected, "of {}", delivery.update.id);
        f.settle(delivery.lease, Verdict::Done).await;
        served.push(delivery.update.id.0);
    }
    served.retain(|id| *id != 5);
    assert_eq!(served, [1, 4]);
    let listed = f.inbox().list(&Selection::All, 10).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.id.0).collect::<Vec<_>>(), [2]);
}

pub(super) async fn ids_of_another_bot_are_not_known(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    assert_eq!(f.work_one().await, 1);
    f.bot = 2;
    f.reopen().await;
    let offer = f.offer(f.message(1, 1)).await;
    assert_eq!(f.work_one().await, 1, "the id is new to this bot");
    assert_eq!(offer.answer().await.unwrap(), Accepted::Stored);
}

pub(super) async fn young_ids_do_not_hide_old_ids_from_a_sweep(f: &mut Fixture) {
    f.store(&[(9_000_001, 1), (9_000_002, 2)]).await;
    for _ in 0..2 {
        f.work_one().await;
    }
    f.pass(Duration::from_hours(49)).await;
    // Telegram starts again with lower ids: more of them than a sweep looks at in one step.
    let young: Vec<(i64, i64)> = (1..=2_200).map(|id| (id, id)).collect();
    let inbox = f.inbox();
    let offers = futures_util::future::join_all(young.iter().map(|(id, chat)| inbox.accept(f.message(*id, *chat))));
    let working_off = async {
        let mut done = 0;
        while done < young.len() {
            inbox.ready(Claimable::Any).await;
            let claimed = inbox.claim(300, Claimable::Any).await.unwrap();
            done += claimed.len();
            let settled = claimed.into_iter().map(|delivery| inbox.settle(delivery.lease, Verdict::Done));
            futures_util::future::join_all(settled).await;
        }
    };
    let (answers, ()) = tokio::join!(offers, working_off);
    assert!(answers.iter().all(Result::is_ok));
    for _ in 0..4 {
        f.sweep().await;
    }
    assert_eq!(f.offer(f.message(1, 1)).await.answer().await.unwrap(), Accepted::Known, "it is young");
    f.store(&[(9_000_001, 1), (9_000_002, 2)]).await;
    assert_eq!(f.survey().await.waiting, 2, "both were forgotten");
}
