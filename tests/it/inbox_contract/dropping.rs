//! The updates that wait can be dropped, because the bot asks for it.

use std::time::Duration;

use doorbell::inbox::{Accepted, Selection, Verdict};
use doorbell::telegram::Call;

use super::fixture::{Fixture, dead, ids, retry};
use crate::harness::waiting::soon;

async fn drop_waiting(f: &Fixture) -> u64 {
    soon("the updates to be dropped", f.inbox().drop_waiting()).await.unwrap()
}

pub(super) async fn dropped_updates_are_erased_and_stay_known(f: &mut Fixture) {
    assert_eq!(drop_waiting(f).await, 0, "there is none");
    let first = f.offer(f.message(1, 1)).await;
    f.store(&[(2, 1), (3, 3)]).await;
    assert_eq!(drop_waiting(f).await, 3);
    assert!(matches!(first.answer().await, Ok(Accepted::Stored)), "Telegram must not deliver it again");
    assert_eq!(f.bodies().await, 0);
    assert_eq!((f.counts().await, ids(&f.claim().await)), ((0, 0, 0), vec![]));
    for id in [1, 2, 3] {
        assert_eq!(f.offer(f.message(id, 1)).await.answer().await.unwrap(), Accepted::Known);
    }
    assert_eq!(drop_waiting(f).await, 0);
    f.restart().await;
    assert_eq!((f.counts().await, ids(&f.claim().await)), ((0, 0, 0), vec![]));
    if f.survives_a_restart() {
        assert_eq!(f.offer(f.message(3, 3)).await.answer().await.unwrap(), Accepted::Known);
    }
}

pub(super) async fn updates_that_are_accepted_after_a_drop_are_handled(f: &mut Fixture) {
    for round in 0..3 {
        f.store(&[(round * 10 + 1, 1), (round * 10 + 2, 1), (round * 10 + 3, 3)]).await;
        assert_eq!(drop_waiting(f).await, 3);
        f.store(&[(round * 10 + 4, 1), (round * 10 + 5, 1)]).await;
        assert_eq!([f.work_one().await, f.work_one().await], [round * 10 + 4, round * 10 + 5]);
        assert_eq!(f.counts().await, (0, 0, 0));
    }
}

pub(super) async fn an_update_that_waits_for_its_retry_is_dropped(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    f.settle(f.next().await.lease, retry(f.after(3_600))).await;
    assert_eq!(drop_waiting(f).await, 2);
    f.store(&[(3, 1)]).await;
    assert_eq!(f.work_one().await, 3, "at once");
}

pub(super) async fn claimed_handled_and_dead_letter_updates_are_not_dropped(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    f.settle(f.next().await.lease, dead()).await;
    f.store(&[(2, 2)]).await;
    let calls = vec![Call::send_message(2, "left over")];
    let left = Verdict::CallsLeft { calls: calls.clone(), at: f.after(5), reason: "429".to_owned() };
    f.settle(f.next().await.lease, left).await;
    f.store(&[(3, 3)]).await;
    let claimed = f.next().await;
    f.store(&[(4, 2), (5, 3), (6, 3), (7, 7)]).await;
    assert_eq!(drop_waiting(f).await, 4);
    assert_eq!(f.counts().await, (1, 1, 1));
    assert_eq!(ids(&f.claim().await), [0; 0], "its time has not come");
    f.settle(claimed.lease, retry(f.now())).await;
    let again = f.next().await;
    assert_eq!((again.update.id.0, again.attempt), (3, 2));
    f.settle(again.lease, Verdict::Done).await;
    f.pass(Duration::from_secs(6)).await;
    let left = f.next().await;
    assert_eq!((left.update.id.0, left.calls_left), (2, Some(calls)));
    f.settle(left.lease, Verdict::Done).await;
    f.store(&[(8, 2), (9, 3)]).await;
    let mut next = [f.work_one().await, f.work_one().await];
    next.sort_unstable();
    assert_eq!(next, [8, 9], "their chats go on");
    assert_eq!(f.inbox().list(&Selection::All, 10).await.unwrap().len(), 1);
}

pub(super) async fn calls_of_a_revived_update_behind_dropped_ones_are_kept(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let calls = vec![Call::send_message(1, "refused")];
    let refused = Verdict::Refused { calls: calls.clone(), reason: "refused".to_owned() };
    f.settle(f.next().await.lease, refused).await;
    f.store(&[(2, 1), (3, 1)]).await;
    f.settle(f.next().await.lease, retry(f.after(3_600))).await;
    f.inbox().revive(&Selection::All).await.unwrap();
    f.store(&[(4, 1)]).await;
    assert_eq!(drop_waiting(f).await, 3);
    let revived = f.next().await;
    assert_eq!((revived.update.id.0, revived.calls_left), (1, Some(calls)));
    f.settle(revived.lease, Verdict::Done).await;
    assert_eq!(f.counts().await, (0, 0, 0));
}
