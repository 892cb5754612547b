//! A lease is the right to settle, and can be lost.

use std::time::Duration;

use doorbell::inbox::{InboxError, LEASE, Verdict};

use super::fixture::{Fixture, dead, retry};
use super::ids;

const A_SECOND: Duration = Duration::from_secs(1);
const NEARLY_A_LEASE: Duration = LEASE.saturating_sub(A_SECOND);

pub(super) async fn a_late_verdict_is_refused_once_the_update_was_claimed_again(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let early = f.next().await;
    f.pass(NEARLY_A_LEASE).await;
    f.sweep().await;
    assert_eq!(ids(&f.claim().await), [0; 0], "the lease stands");
    f.pass(A_SECOND * 2).await;
    f.sweep().await;
    let late = f.next().await;
    assert_eq!(late.update.id, early.update.id);
    assert!(late.lease.token > early.lease.token, "a later delivery has a greater token");
    for verdict in [Verdict::Done, Verdict::Expired, dead(), retry(f.now()), Verdict::Released] {
        let refused = f.inbox().settle(early.lease, verdict.clone()).await;
        assert!(
            matches!(refused, Err(InboxError::LeaseLost(lease)) if lease == early.lease),
            "{verdict:?}: {refused:?}"
        );
    }
    assert_eq!(f.counts().await, (0, 1, 0), "nothing was recorded");
    f.settle(late.lease, Verdict::Done).await;
}

pub(super) async fn a_late_verdict_is_recorded_if_the_update_was_not_claimed_again(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    let delivery = f.next().await;
    f.pass(LEASE + A_SECOND).await;
    f.settle(delivery.lease, Verdict::Done).await;
    f.sweep().await;
    assert_eq!(f.counts().await, (0, 0, 0));
}

pub(super) async fn an_extended_lease_does_not_lapse(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 2), (3, 3)]).await;
    let claimed = f.claim().await;
    f.settle(claimed[2].lease, Verdict::Done).await;
    for _ in 0..3 {
        f.pass(NEARLY_A_LEASE).await;
        // Lost and settled leases are ignored.
        f.inbox().extend(&[claimed[0].lease, claimed[2].lease]).await.unwrap();
    }
    f.sweep().await;
    assert_eq!(ids(&f.claim().await), [2], "the lease of 1 was extended");
    f.settle(claimed[0].lease, Verdict::Done).await;
    let lost = f.inbox().settle(claimed[1].lease, Verdict::Done).await;
    assert!(matches!(lost, Err(InboxError::LeaseLost(_))), "{lost:?}");
}

pub(super) async fn a_lapsed_lease_counts_no_attempt(f: &mut Fixture) {
    f.store(&[(1, 1)]).await;
    for _ in 0..3 {
        assert_eq!(f.next().await.attempt, 1);
        f.pass(LEASE + A_SECOND).await;
        f.sweep().await;
        assert_eq!(f.counts().await, (1, 0, 0), "it waits again");
    }
}

pub(super) async fn an_attempt_is_settled_once(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    let delivery = f.next().await;
    let inbox = f.inbox();
    let (one, other) =
        tokio::join!(inbox.settle(delivery.lease, Verdict::Done), inbox.settle(delivery.lease, retry(f.now())));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    let again = f.inbox().settle(delivery.lease, Verdict::Done).await;
    assert!(matches!(again, Err(InboxError::LeaseLost(_))), "{again:?}");
}

pub(super) async fn an_update_in_work_here_is_not_claimed_here_again(f: &mut Fixture) {
    f.store(&[(1, 1), (2, 1)]).await;
    let delivery = f.next().await;
    // An outage: no extension reaches the store, but the worker lives.
    f.pass(LEASE * 5).await;
    assert_eq!(ids(&f.claim().await), [0; 0]);
    f.inbox().extend(&[delivery.lease]).await.unwrap();
    f.sweep().await;
    assert_eq!(ids(&f.claim().await), [0; 0]);
    f.settle(delivery.lease, Verdict::Done).await;
    let next = f.next().await;
    assert_eq!((next.update.id.0, next.crash_count), (2, 0));
}
