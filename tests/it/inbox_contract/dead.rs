//! Dead-letter updates stay until the operator revives or discards them.

use std::time::Duration;

use doorbell::inbox::{Accepted, InboxError, Record, Selection, UpdateState, Verdict};
use doorbell::telegram::Call;
use doorbell::update::UpdateId;

use super::fixture::{Fixture, dead, retry};
use super::ids;
use crate::harness::waiting::until;

fn these(ids: &[i64]) -> Selection {
    Selection::Ids(ids.iter().copied().map(UpdateId).collect())
}

async fn listed(f: &Fixture, which: &Selection, limit: usize) -> Vec<i64> {
    numbers(f.inbox().list(which, limit).await.unwrap().iter().map(|record: &Record| record.id))
}

fn numbers(ids: impl IntoIterator<Item = UpdateId>) -> Vec<i64> {
    ids.into_iter().map(|id| id.0).collect()
}

fn sorted(ids: Vec<UpdateId>) -> Vec<i64> {
    let mut ids = numbers(ids);
    ids.sort_unstable();
    ids
}

/// Makes the next update a dead-letter update.
async fn mark_dead(f: &Fixture) -> i64 {
    let delivery = f.next().await;
    f.settle(delivery.lease, dead()).await;
    delivery.update.id.0
}

pub(super) async fn a_dead_letter_update_is_listed_with_its_reason_and_body(f: &mut Fixture) {
    let update = f.message(1, -5);
    drop(f.offer(update.clone()).await);
    f.settle(f.next().await.lease, retry(f.now())).await;
    let calls = vec![Call::send_message(-5, "left over")];
    let left = Verdict::CallsLeft { calls: calls.clone(), at: f.now(), reason: "429".to_owned() };
    f.settle(f.next().await.lease, left).await;
    assert_eq!(listed(f, &Selection::All, 10).await, [0; 0], "only the dead are listed");
    f.settle(f.next().await.lease, dead()).await;
    let mut records = f.inbox().list(&these(&[1, 2]), 10).await.unwrap();
    assert_eq!(records.len(), 1);
    let record = records.remove(0);
    assert_eq!((record.id, record.kind, record.state), (update.id, update.kind, UpdateState::Dead));
    assert_eq!((record.chat_key.as_str(), record.received_at), ("chat:-5", update.received_at));
    assert_eq!((record.attempts, record.reason.as_deref()), (2, Some("the handler rejected it")));
    assert_eq!(record.body.map(String::into_bytes), Some(update.body.to_vec()));
    assert_eq!(record.calls_left, Some(calls));
}

pub(super) async fn a_dead_letter_update_lets_its_chat_go_on(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    assert_eq!(mark_dead(f).await, 1);
    assert_eq!(f.work_one().await, 2);
    assert_eq!(f.counts().await, (0, 0, 1));
}

pub(super) async fn a_revived_update_goes_to_the_end_of_its_lane_with_no_attempts_counted(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1), (3, 1)]).await;
    f.settle(f.next().await.lease, retry(f.now())).await;
    mark_dead(f).await;
    assert_eq!(numbers(f.inbox().revive(&these(&[1])).await.unwrap()), [1]);
    assert_eq!(f.counts().await, (3, 0, 0));
    f.store(&[(4, 1)]).await;
    assert_eq!([f.work_one().await, f.work_one().await], [2, 3]);
    let revived = f.next().await;
    assert_eq!((revived.update.id.0, revived.attempt), (1, 1));
    f.settle(revived.lease, Verdict::Done).await;
    assert_eq!(f.work_one().await, 4);
    // The lane of a chat that has no other update.
    f.store(&[(5, 5)]).await;
    mark_dead(f).await;
    assert_eq!(numbers(f.inbox().revive(&Selection::All).await.unwrap()), [5]);
    assert_eq!(f.work_one().await, 5);
    assert_eq!(f.counts().await, (0, 0, 0));
}

pub(super) async fn a_revived_update_says_so_until_it_ends(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2)]).await;
    let first = f.next().await;
    assert!(!first.revived, "it is new");
    f.settle(first.lease, retry(f.now())).await;
    let again = f.next().await;
    assert!(!again.revived, "a retry is no revival");
    f.settle(again.lease, Verdict::Released).await;
    for _ in 0..2 {
        mark_dead(f).await;
    }
    let operator = f.for_operator().await;
    assert_eq!(numbers(operator.revive(&these(&[1])).await.unwrap()), [1]);
    drop(operator);
    f.pass(Duration::from_secs(1)).await;
    for (attempt, ended) in [(1, Verdict::Released), (1, retry(f.now())), (2, retry(f.now()))] {
        let revived = f.next().await;
        assert_eq!((revived.update.id.0, revived.attempt, revived.revived), (1, attempt, true));
        f.settle(revived.lease, ended).await;
    }
    f.reopen().await;
    if f.survives_a_restart() {
        assert!(f.next().await.revived, "after a restart too");
    }
}

pub(super) async fn a_discarded_update_stays_known(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2)]).await;
    mark_dead(f).await;
    mark_dead(f).await;
    assert_eq!(sorted(f.inbox().discard(&these(&[1])).await.unwrap()), [1]);
    assert_eq!(listed(f, &Selection::All, 10).await, [2]);
    assert_eq!(sorted(f.inbox().discard(&Selection::All).await.unwrap()), [2]);
    assert_eq!(f.counts().await, (0, 0, 0));
    for id in [1, 2] {
        assert_eq!(f.offer(f.message(id, id)).await.answer().await.unwrap(), Accepted::Known);
    }
    assert_eq!(f.inbox().revive(&Selection::All).await.unwrap(), [], "it is erased");
}

pub(super) async fn only_dead_letter_updates_are_revived_or_discarded(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3)]).await;
    let first = f.next().await;
    let second = f.next().await;
    f.settle(second.lease, Verdict::Done).await;
    let all = these(&[1, 2, 3, 4]);
    assert_eq!(f.inbox().revive(&all).await.unwrap(), []);
    assert_eq!(f.inbox().discard(&all).await.unwrap(), []);
    assert_eq!(f.inbox().discard(&Selection::All).await.unwrap(), []);
    f.settle(first.lease, Verdict::Done).await;
    assert_eq!(ids(&f.claim().await).len(), 1);
}

pub(super) async fn dead_letter_updates_are_listed_oldest_first_up_to_the_limit(f: &mut Fixture) {
    f.store(&[(30, 1), (10, 1), (20, 1)]).await;
    for _ in 0..3 {
        mark_dead(f).await;
    }
    assert_eq!(listed(f, &Selection::All, 10).await, [30, 10, 20]);
    assert_eq!(listed(f, &Selection::All, 2).await, [30, 10]);
    assert_eq!(listed(f, &these(&[20, 30]), 10).await, [30, 20]);
    assert_eq!(listed(f, &these(&[7, 20, 10]), 1).await, [10]);
    let revived = f.inbox().revive(&Selection::All).await.unwrap();
    assert_eq!(numbers(revived), [30, 10, 20]);
    assert_eq!([f.work_one().await, f.work_one().await, f.work_one().await], [30, 10, 20]);
    // Either one may be dead-lettered first.
    f.store(&[(2, 2)]).await;
    f.pass(std::time::Duration::from_secs(1)).await;
    f.store(&[(3, 3)]).await;
    for delivery in f.claim().await.into_iter().rev() {
        f.settle(delivery.lease, dead()).await;
    }
    assert_eq!(listed(f, &Selection::All, 10).await, [2, 3]);
}

pub(super) async fn a_revived_update_has_a_new_lifetime_as_long_as_its_first(f: &mut Fixture) {
    let life = |update: &doorbell::update::Update, now| doorbell::clock::elapsed(now, update.expires_at).as_secs();
    f.store(&[(1, 1)]).await;
    // Repeated: no lifetime is longer than the one before.
    for _ in 0..3 {
        mark_dead(f).await;
        f.pass(Duration::from_hours(30)).await;
        let operator = f.for_operator().await;
        assert_eq!(numbers(operator.revive(&Selection::All).await.unwrap()), [1]);
        drop(operator);
        f.pass(Duration::from_secs(1)).await;
        let delivery = f.next().await;
        assert!((86_390..=86_400).contains(&life(&delivery.update, f.now())), "{:?}", delivery.update);
        f.settle(delivery.lease, Verdict::Released).await;
    }
    f.reopen().await;
    if f.survives_a_restart() {
        assert!(life(&f.next().await.update, f.now()) > 86_000);
    }
}

pub(super) async fn of_two_concurrent_revives_or_discards_one_gets_each_update(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3), (4, 4)]).await;
    for _ in 0..4 {
        mark_dead(f).await;
    }
    let (one, other) = (f.for_operator().await, f.for_operator().await);
    let all = Selection::All;
    let (revived, again) = tokio::join!(one.revive(&all), other.revive(&all));
    assert_eq!(sorted([revived.unwrap(), again.unwrap()].concat()), [1, 2, 3, 4]);
    f.pass(Duration::from_secs(1)).await;
    let mut served = [f.work_one().await, f.work_one().await, f.work_one().await, f.work_one().await];
    served.sort_unstable();
    assert_eq!(served, [1, 2, 3, 4], "each once");
    assert_eq!(f.claim().await.len(), 0);
    f.store(&[(5, 5)]).await;
    mark_dead(f).await;
    let (revived, discarded) = tokio::join!(one.revive(&all), other.discard(&all));
    let (revived, discarded) = (revived.unwrap(), discarded.unwrap());
    assert_eq!(revived.len() + discarded.len(), 1, "{revived:?} {discarded:?}");
    f.pass(Duration::from_secs(1)).await;
    if discarded.is_empty() {
        assert_eq!(f.work_one().await, 5);
    }
    assert_eq!(f.counts().await, (0, 0, 0));
}

pub(super) async fn a_revived_update_cannot_be_revived_or_discarded_while_it_runs(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    mark_dead(f).await;
    f.inbox().revive(&these(&[1])).await.unwrap();
    let running = f.next().await;
    let operator = f.for_operator().await;
    assert_eq!(operator.revive(&these(&[1])).await.unwrap(), []);
    assert_eq!(operator.discard(&these(&[1])).await.unwrap(), []);
    assert_eq!(f.claim().await.len(), 0);
    f.settle(running.lease, dead()).await;
    assert_eq!(listed(f, &Selection::All, 10).await, [1]);
}

pub(super) async fn dead_letter_updates_count_towards_the_capacity_and_are_bounded(f: &mut Fixture) {
    f.settings.capacity = 2;
    f.reopen().await;
    for id in [1, 2] {
        f.store(&[(id, id)]).await;
        mark_dead(f).await;
    }
    let third = f.offer(f.message(3, 3)).await;
    if f.survives_a_restart() {
        let full = third.answer().await;
        assert!(matches!(full, Err(InboxError::Full { capacity: 2 })), "{full:?}");
        assert!(f.survey().await.full);
        assert_eq!(listed(f, &Selection::All, 10).await, [1, 2]);
        f.inbox().discard(&these(&[1])).await.unwrap();
        assert!(!f.survey().await.full);
        f.store(&[(3, 3)]).await;
    } else {
        // No operator can discard one: the oldest is dropped, and stays known.
        assert!(!f.survey().await.full);
        assert_eq!(listed(f, &Selection::All, 10).await, [2]);
        assert_eq!(f.offer(f.message(1, 1)).await.answer().await.unwrap(), Accepted::Known);
    }
    assert_eq!(mark_dead(f).await, 3);
    assert_eq!(listed(f, &Selection::All, 10).await, [2, 3]);
    f.reopen().await;
    if f.survives_a_restart() {
        let full = f.offer(f.message(4, 4)).await.answer().await;
        assert!(matches!(full, Err(InboxError::Full { capacity: 2 })), "after a restart too: {full:?}");
    }
}

pub(super) async fn an_unreadable_row_affects_no_other_update(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3), (4, 2)]).await;
    for delivery in f.claim().await {
        f.settle(delivery.lease, retry(f.now())).await;
    }
    if !f.spoil(2).await {
        return;
    }
    let mut served = [f.work_one().await, f.work_one().await, f.work_one().await];
    served.sort_unstable();
    assert_eq!(served, [1, 3, 4], "its chat continues too");
    let listed = f.inbox().list(&Selection::All, 10).await.unwrap().remove(0);
    assert_eq!((listed.id.0, listed.state), (2, UpdateState::Dead));
    assert!(listed.reason.unwrap().contains("cannot be read"));
    assert!(listed.body.unwrap().contains("update_id"), "what can be read is shown");
    // An operator who revives it finds it dead-lettered again, and can discard it.
    assert_eq!(numbers(f.inbox().revive(&Selection::All).await.unwrap()), [2]);
    f.store(&[(5, 5)]).await;
    assert_eq!(f.work_one().await, 5);
    until("it is dead again", async || (f.survey().await.dead == 1).then_some(())).await;
    assert_eq!(numbers(f.inbox().discard(&Selection::All).await.unwrap()), [2]);
}
