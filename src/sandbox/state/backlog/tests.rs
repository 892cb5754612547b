use std::time::Duration;

use super::*;

fn at(seconds: u64) -> Timestamp {
    clock::later(Timestamp::from_second(1_700_000_000).unwrap(), Duration::from_secs(seconds))
}

fn update(queue: i64, lives: i64) -> PendingUpdate {
    let content = Bytes::from_static(b"{}");
    PendingUpdate {
        kind: "message".into(),
        content,
        queue,
        chat: None,
        expires_at: at(0).as_second() + lives,
        attempts: 0,
    }
}

fn backlog(queues: &[i64]) -> Backlog {
    let mut backlog = Backlog::new(100);
    for queue in queues {
        backlog.push(update(*queue, 86_400)).unwrap();
    }
    backlog
}

fn take(backlog: &mut Backlog, seconds: u64) -> Option<(i64, i64)> {
    backlog.take(at(seconds)).map(|(queue, id, _)| (queue, id))
}

#[test]
fn one_queue_never_has_two_updates_in_flight() {
    let mut backlog = backlog(&[1, 1, 2]);
    backlog.load(at(0), 10);
    assert_eq!(
        (take(&mut backlog, 0), take(&mut backlog, 0), take(&mut backlog, 0)),
        (Some((1, 100)), Some((2, 102)), None)
    );
    backlog.acknowledge(1);
    assert_eq!(take(&mut backlog, 0), Some((1, 101)));
    backlog.acknowledge(1);
    backlog.acknowledge(2);
    assert_eq!((backlog.len(), backlog.loaded_queues()), (0, 0));
}

#[test]
fn a_failing_update_holds_back_its_own_queue_only() {
    let mut backlog = backlog(&[1, 1, 2]);
    backlog.load(at(0), 10);
    take(&mut backlog, 0);
    backlog.retry_later(1, at(0), 5, 60);
    assert_eq!(take(&mut backlog, 0), Some((2, 102)));
    assert_eq!(take(&mut backlog, 4), None);
    assert_eq!(backlog.count_ready(at(4), 9), (0, Some(at(5))));
    assert_eq!(take(&mut backlog, 5), Some((1, 100)));
}

#[test]
fn an_update_that_expires_before_the_next_attempt_is_dropped_at_once() {
    let mut backlog = Backlog::new(1);
    backlog.push(update(1, 20)).unwrap();
    backlog.push(update(1, 90)).unwrap();
    backlog.load(at(0), 10);
    take(&mut backlog, 0);
    assert!(backlog.retry_later(1, at(0), 20, 60).is_some(), "20 s is its last second");
    take(&mut backlog, 20);
    assert!(backlog.retry_later(1, at(20), 1, 60).is_none());
    assert_eq!(take(&mut backlog, 20), Some((1, 2)), "the next update of the queue has its own schedule");
    backlog.retry_later(1, at(20), 0, 60);
    assert_eq!(take(&mut backlog, 20), Some((1, 2)));
}

#[test]
fn no_more_queues_are_loaded_than_the_window_holds() {
    let mut backlog = backlog(&[1, 2, 1, 3, 3, 2]);
    backlog.load(at(0), 2);
    assert_eq!(backlog.loaded_queues(), 2);
    take(&mut backlog, 0);
    take(&mut backlog, 0);
    backlog.retry_later(1, at(0), 9, 60);
    backlog.retry_later(2, at(0), 9, 60);
    backlog.load(at(1), 2);
    assert_eq!(take(&mut backlog, 1), None, "two failing chats delay the third");
    take(&mut backlog, 9);
    backlog.acknowledge(1);
    backlog.load(at(9), 2);
    assert_eq!(backlog.loaded_queues(), 2);
    assert_eq!(take(&mut backlog, 9), Some((1, 102)), "chat 1 again, for its second update has the lower id");
    backlog.acknowledge(1);
    backlog.load(at(9), 2);
    take(&mut backlog, 9);
    assert_eq!(take(&mut backlog, 9), Some((3, 103)));
}

#[test]
fn unacknowledged_updates_are_sent_again_after_unloading() {
    let mut backlog = backlog(&[1, 0]);
    backlog.load(at(0), 10);
    take(&mut backlog, 0);
    backlog.unload();
    backlog.load(at(0), 10);
    let (_, id, again) = backlog.take(at(0)).unwrap();
    assert_eq!((id, again.attempts), (100, 2));
}

#[test]
fn too_many_or_too_large_updates_are_discarded_silently() {
    let mut backlog = Backlog::new(1);
    let content = Bytes::from(vec![b' '; MAX_UPDATE_BYTES + 1]);
    assert_eq!(backlog.push(PendingUpdate { content, ..update(1, 9) }), None);
    for _ in 0..MAX_UPDATES {
        backlog.push(update(1, 9)).unwrap();
    }
    assert_eq!(backlog.push(update(1, 9)), None);
    backlog.confirm(2);
    assert_eq!(backlog.push(update(1, 9)), Some(100_001), "discarded updates used no id");
}

#[test]
fn expired_updates_are_not_loaded() {
    let mut backlog = Backlog::new(1);
    backlog.push(update(1, 30)).unwrap();
    backlog.push(update(2, 90)).unwrap();
    backlog.load(at(31), 10);
    assert_eq!((take(&mut backlog, 31), backlog.len()), (Some((2, 2)), 1));
}

#[test]
fn an_acknowledged_update_can_be_delivered_again_with_its_id() {
    let mut backlog = backlog(&[1]);
    backlog.load(at(0), 10);
    assert_eq!(take(&mut backlog, 0), Some((1, 100)));
    assert!(!backlog.push_again(at(0), 100, update(1, 9)), "it is still pending");
    backlog.acknowledge(1);
    assert!(backlog.push_again(at(1), 100, update(1, 9)));
    backlog.load(at(1), 10);
    assert_eq!((take(&mut backlog, 1), take(&mut backlog, 1)), (Some((1, 100)), None));
    backlog.acknowledge(1);
    assert_eq!(backlog.len(), 0);
}
