use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::clock::later;

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

fn update(id: i64, chat: i64) -> Update {
    let body = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
    Update::parse(Bytes::from(body), at(0)).unwrap()
}

fn lanes(updates: &[(i64, i64)]) -> Lanes {
    let mut lanes = Lanes::new(1 << 20);
    for (id, chat) in updates {
        lanes.push(update(*id, *chat));
    }
    lanes
}

fn claim(lanes: &mut Lanes, now: u64) -> Vec<Lease> {
    lanes.claim(at(now), at(now + 60), 100, Claimable::Any).into_iter().map(|claimed| claimed.lease).collect()
}

fn ids(leases: &[Lease]) -> Vec<i64> {
    leases.iter().map(|lease| lease.update_id.0).collect()
}

#[test]
fn one_update_of_a_chat_is_claimed_at_a_time_in_order_of_acceptance() {
    let mut lanes = lanes(&[(9, 1), (3, 1), (5, 2)]);
    let first = claim(&mut lanes, 0);
    assert_eq!(ids(&first), [9, 5]);
    assert!(claim(&mut lanes, 0).is_empty());
    lanes.settle(first[0], None);
    assert_eq!(ids(&claim(&mut lanes, 0)), [3]);
}

#[test]
fn an_update_that_waits_for_its_retry_delays_its_own_chat_only() {
    let mut lanes = lanes(&[(1, 1), (2, 1), (3, 2)]);
    let first = claim(&mut lanes, 0);
    lanes.settle(first[0], Some(at(10)));
    lanes.settle(first[1], None);
    assert_eq!((lanes.is_ready(at(9), Claimable::Any), lanes.next_ready_at()), (false, Some(at(10))));
    assert_eq!(ids(&claim(&mut lanes, 10)), [1]);
}

#[test]
fn an_update_whose_lease_lapsed_is_claimed_again_and_the_late_verdict_is_refused() {
    let mut lanes = lanes(&[(1, 1)]);
    let late = claim(&mut lanes, 0)[0];
    assert_eq!(lanes.release_lapsed(at(59)), 0);
    assert_eq!(lanes.release_lapsed(at(60)), 1);
    let second = claim(&mut lanes, 60)[0];
    assert!(second.token > late.token);
    assert!(!lanes.begin_settling(late));
    lanes.settle(late, None);
    assert_eq!(lanes.open(), 1);
    assert!(lanes.begin_settling(second));
    assert_eq!(lanes.release_lapsed(at(1000)), 0, "a lease does not lapse while settling is under way");
}

#[test]
fn bodies_beyond_the_limit_are_not_cached() {
    let mut lanes = Lanes::new(update(1, 1).body.len());
    lanes.push(update(1, 1));
    lanes.push(update(2, 2));
    let claimed = lanes.claim(at(0), at(60), 100, Claimable::Any);
    assert_eq!(claimed.iter().map(|claimed| claimed.cached.is_some()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(lanes.cached_bytes, 0);
}

proptest::proptest! {
    #[test]
    fn every_update_is_served_once_and_in_the_order_of_its_chat(
        chats in proptest::collection::vec(0..5_i64, 1..60),
        verdicts in proptest::collection::vec(0..4_u8, 0..200),
    ) {
        let updates: Vec<_> = (0..).zip(&chats).map(|(id, chat)| (id, *chat)).collect();
        let mut lanes = lanes(&updates);
        let mut verdicts = verdicts.into_iter().chain(std::iter::repeat(0));
        let mut served: Vec<Lease> = Vec::new();
        let mut now = 0;
        while lanes.open() > 0 {
            now += 1;
            for lease in claim(&mut lanes, now) {
                match verdicts.next() {
                    Some(1) => lanes.settle(lease, Some(at(now + 3))),
                    Some(2) => proptest::prop_assert!(lanes.release(lease)),
                    Some(3) => {}
                    _ => {
                        lanes.settle(lease, None);
                        served.push(lease);
                    }
                }
            }
            lanes.release_lapsed(at(now));
        }
        proptest::prop_assert_eq!((lanes.held(), served.len()), (0, updates.len()));
        for chat in 0..5 {
            let expected: Vec<i64> = updates.iter().filter(|(_, of)| *of == chat).map(|(id, _)| *id).collect();
            let order: Vec<_> = served.iter().filter(|lease| lease.chat_key == ChatKey::chat(chat)).copied().collect();
            proptest::prop_assert_eq!(ids(&order), expected);
        }
    }
}

#[test]
fn suspects_are_claimed_one_at_a_time_lowest_crash_count_first_and_delay_no_other_chat() {
    let mut lanes = lanes(&[(1, 1)]);
    for (id, crash_count) in [(2, 0), (3, 2), (4, 1)] {
        let (key, id) = (ChatKey::chat(id), UpdateId(id));
        let (ready_at, crash_count, urgency) = (None, Some(crash_count), Urgency::default());
        lanes.push_stored(Stored { key, id, received_at: at(0), ready_at, crash_count, has_calls: false, urgency });
    }
    let claimed = lanes.claim(at(0), at(60), 100, Claimable::Any);
    let known: Vec<_> = claimed.iter().map(|claimed| (claimed.lease.update_id.0, claimed.crash_count)).collect();
    assert_eq!(known, [(4, Some(1)), (1, None), (2, Some(0))]);
    assert!(!lanes.is_ready(at(0), Claimable::Any), "while a suspect is claimed no other is ready");
    assert!(lanes.release(claimed[0].lease) && lanes.is_ready(at(0), Claimable::Any));
    let again = claim(&mut lanes, 0);
    assert_eq!(ids(&again), [4], "put back as it was");
    lanes.settle(again[0], Some(at(10)));
    let third = claim(&mut lanes, 0);
    assert_eq!(ids(&third), [3]);
    assert_eq!(ids(&claim(&mut lanes, 10)), [4], "its attempt ended without a crash, so it is not a suspect any more");
    lanes.settle(third[0], None);
    assert!(!lanes.is_ready(at(100), Claimable::Any));
}

#[test]
fn removing_what_waits_leaves_claimed_updates_and_the_order_of_the_rest() {
    let mut lanes = lanes(&[(1, 1), (2, 1), (3, 2), (4, 3)]);
    let claimed = lanes.claim(at(0), at(60), 2, Claimable::Any);
    assert_eq!(claimed.len(), 2);
    assert_eq!(lanes.unhandled().len(), 2);
    lanes.remove_unhandled();
    assert_eq!((lanes.open(), lanes.held(), lanes.is_ready(at(0), Claimable::Any)), (2, 2, false));
    lanes.keep_calls(claimed[0].lease);
    lanes.settle(claimed[0].lease, Some(at(5)));
    lanes.push(update(5, 1));
    assert_eq!(lanes.unhandled(), [UpdateId(5)], "the other one has been handled");
    lanes.remove_unhandled();
    assert_eq!(ids(&claim(&mut lanes, 5)), [1]);
    assert_eq!((lanes.open(), lanes.held()), (2, 2));
}

#[test]
fn updates_whose_calls_are_left_can_be_claimed_alone_and_go_first() {
    let mut lanes = lanes(&[(1, 1), (2, 1), (3, 2), (4, 3)]);
    let first = claim(&mut lanes, 0);
    lanes.keep_calls(first[0]);
    lanes.settle(first[0], Some(at(5)));
    assert!(lanes.release(first[1]));
    let mut handled = |now| -> Vec<Lease> {
        let claimed = lanes.claim(at(now), at(now + 60), 100, Claimable::CallsLeft);
        claimed.into_iter().map(|claimed| claimed.lease).collect()
    };
    assert!(handled(4).is_empty());
    let left = handled(5);
    assert_eq!((ids(&left), handled(5).len()), (vec![1], 0));
    assert!(lanes.release(left[0]) && lanes.is_ready(at(5), Claimable::CallsLeft));
    assert_eq!(ids(&claim(&mut lanes, 5)), [1, 3]);
    assert!(!lanes.is_ready(at(5), Claimable::CallsLeft));
    lanes.settle(left[0], None);
    assert!(!lanes.is_ready(at(5), Claimable::CallsLeft), "the next update of the chat has no calls");
}
