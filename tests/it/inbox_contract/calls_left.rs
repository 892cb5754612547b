//! Updates that have been handled can be claimed alone: their calls need no handler.

use std::time::Duration;

use doorbell::inbox::{Claimable, Delivery, Selection, Verdict};
use doorbell::telegram::Call;

use super::fixture::{Fixture, ids, retry};
use crate::harness::waiting::soon;

fn left(f: &Fixture, chat: i64, seconds: u64) -> Verdict {
    let calls = vec![Call::send_message(chat, "left over")];
    Verdict::CallsLeft { calls, at: f.after(seconds), reason: "429".to_owned() }
}

async fn handled(f: &Fixture) -> Vec<Delivery> {
    let mut claimed = f.inbox().claim(100, Claimable::CallsLeft).await.unwrap();
    claimed.sort_by_key(|delivery| delivery.update.id);
    claimed
}

pub(super) async fn only_updates_whose_calls_are_left_are_claimed_without_a_handler(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1), (3, 3), (4, 4)]).await;
    assert_eq!(ids(&handled(f).await), [0; 0], "none has been handled");
    for delivery in f.claim().await {
        let verdict = match delivery.update.id.0 {
            1 => left(f, 1, 5),
            3 => retry(f.now()),
            _ => Verdict::Released,
        };
        f.settle(delivery.lease, verdict).await;
    }
    assert_eq!(ids(&handled(f).await), [0; 0], "its time has not come");
    f.pass(Duration::from_secs(6)).await;
    soon("the calls to be ready", f.inbox().ready(Claimable::CallsLeft)).await;
    let mut claimed = handled(f).await;
    assert_eq!(ids(&claimed), [1]);
    assert_eq!(handled(f).await.len(), 0, "it is claimed");
    f.settle(claimed.remove(0).lease, Verdict::Released).await;
    let first = handled(f).await.remove(0);
    assert_eq!(first.calls_left, Some(vec![Call::send_message(1, "left over")]));
    f.settle(first.lease, Verdict::Done).await;
    assert_eq!(ids(&handled(f).await), [0; 0], "the next update of the chat has no calls");
    assert_eq!(ids(&f.claim().await), [2, 3, 4], "the others are where they were");
}

pub(super) async fn calls_left_are_claimed_alone_after_a_restart_and_after_a_revive(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let refused = Verdict::Refused { calls: vec![Call::send_message(1, "refused")], reason: "refused".to_owned() };
    f.settle(f.next().await.lease, refused).await;
    f.store(&[(2, 2)]).await;
    f.settle(f.next().await.lease, left(f, 2, 0)).await;
    f.store(&[(3, 3), (4, 1)]).await;
    f.reopen().await;
    if !f.survives_a_restart() {
        return;
    }
    let claimed = handled(f).await;
    assert_eq!(ids(&claimed), [2]);
    f.settle(claimed[0].lease, Verdict::Done).await;
    f.inbox().revive(&Selection::All).await.unwrap();
    assert_eq!(ids(&handled(f).await), [0; 0], "it waits behind another update of its chat");
    assert_eq!([f.work_one().await, f.work_one().await].iter().sum::<i64>(), 3 + 4);
    let claimed = handled(f).await;
    assert_eq!((ids(&claimed), claimed[0].revived), (vec![1], true));
    f.settle(claimed[0].lease, Verdict::Done).await;
    assert_eq!(f.counts().await, (0, 0, 0));
}

pub(super) async fn calls_that_were_claimed_alone_are_extended_and_lapse_as_others_do(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    f.settle(f.next().await.lease, left(f, 1, 0)).await;
    let late = handled(f).await.remove(0);
    f.pass(Duration::from_secs(50)).await;
    f.inbox().extend(&[late.lease]).await.unwrap();
    f.pass(Duration::from_secs(50)).await;
    f.inbox().sweep().await.unwrap();
    assert_eq!(handled(f).await.len(), 0);
    f.pass(Duration::from_secs(61)).await;
    f.sweep().await;
    let again = handled(f).await.remove(0);
    assert!(again.lease.token > late.lease.token);
    assert!(f.inbox().settle(late.lease, Verdict::Done).await.is_err(), "it was claimed again");
    f.settle(again.lease, Verdict::Done).await;
}
