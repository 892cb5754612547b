use proptest::prelude::*;

use super::*;

const NONE: OutboundSettings =
    OutboundSettings { max_in_flight: 64, per_second: None, per_chat_per_second: None, unknown_outcome_attempts: 3 };
const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn to(chat: i64) -> Call {
    Call::send_message(chat, "a")
}

fn at(seconds: u64) -> Timestamp {
    later(NOW, Duration::from_secs(seconds))
}

fn put_off(seconds: u64) -> Result<Duration, ApiError> {
    Err(ApiError::Throttled { retry_after: Duration::from_secs(seconds) })
}

#[test]
fn without_limits_no_call_waits() {
    let mut limits = RateLimits::new(&NONE);
    for chat in 0..1000 {
        assert_eq!(limits.turn(&to(chat % 3), NOW), Ok(Duration::ZERO));
    }
}

#[test]
fn a_throttled_chat_waits_and_others_do_not() {
    let mut limits = RateLimits::new(&NONE);
    limits.hold(&to(7), NOW, Duration::from_secs(30));
    assert_eq!(limits.turn(&to(7), at(1)), put_off(29));
    assert_eq!(limits.turn(&Call::new("sendPhoto").with("chat_id", "7"), at(1)), put_off(29));
    assert_eq!(limits.turn(&to(8), at(1)), Ok(Duration::ZERO));
    assert_eq!(limits.turn(&to(7), at(30)), Ok(Duration::ZERO));
}

#[test]
fn a_wait_without_a_chat_is_for_all_unless_the_method_sets_up_the_bot() {
    let mut limits = RateLimits::new(&NONE);
    limits.hold(&Call::new("setMyCommands"), NOW, Duration::from_mins(50));
    assert_eq!(limits.turn(&to(7), at(1)), Ok(Duration::ZERO));
    limits.hold(&Call::new("answerCallbackQuery"), NOW, Duration::from_secs(5));
    assert_eq!(limits.turn(&to(7), at(1)), put_off(4));
    assert_eq!(limits.turn(&to(7), at(5)), Ok(Duration::ZERO));
}

#[test]
fn the_cap_of_a_chat_delays_only_its_calls() {
    let caps = OutboundSettings { per_chat_per_second: Some(1.0), ..NONE };
    let mut limits = RateLimits::new(&caps);
    let waits: Vec<_> = (0..4).map(|_| limits.turn(&to(7), NOW)).collect();
    assert_eq!(waits, [Ok(Duration::ZERO), Ok(Duration::from_secs(1)), Ok(Duration::from_secs(2)), put_off(3)]);
    assert_eq!(limits.turn(&to(8), NOW), Ok(Duration::ZERO));
}

#[test]
fn a_call_that_is_put_off_comes_back_once_for_its_turn() {
    let caps = OutboundSettings { per_second: Some(1.0), ..NONE };
    let mut limits = RateLimits::new(&caps);
    let waits: Vec<_> = (0..100).map(|chat| limits.turn(&to(chat), NOW)).collect();
    assert_eq!(waits[2], Ok(Duration::from_secs(2)));
    for (chat, wait) in (3..).zip(&waits[3..]) {
        assert_eq!(*wait, put_off(chat));
    }
    assert_eq!(limits.turn(&to(1_000), at(50)), put_off(50), "a later call comes after them");
    for chat in 3..100 {
        let call = to(i64::try_from(chat).expect("a small number"));
        assert_eq!(limits.turn(&call, at(chat)), Ok(Duration::ZERO), "chat {chat}");
    }
    assert_eq!(limits.turn(&to(1_000), at(100)), Ok(Duration::ZERO));
}

#[test]
fn calls_without_a_chat_and_equal_calls_have_their_own_turns() {
    let caps = OutboundSettings { per_second: Some(1.0), ..NONE };
    let answer = |id: u64| Call::new("answerCallbackQuery").with("callback_query_id", id);
    for calls in [(0..20).map(answer).collect::<Vec<_>>(), vec![to(7); 20]] {
        let mut limits = RateLimits::new(&caps);
        for call in &calls {
            let _ = limits.turn(call, NOW);
        }
        for (second, call) in (3..).zip(&calls[3..]) {
            assert_eq!(limits.turn(call, at(second)), Ok(Duration::ZERO), "{call:?} at {second}");
        }
    }
}

#[test]
fn a_chat_with_a_distant_turn_delays_no_other() {
    let caps = OutboundSettings { per_second: Some(1.0), per_chat_per_second: Some(0.01), ..NONE };
    let mut limits = RateLimits::new(&caps);
    assert_eq!(limits.turn(&to(7), NOW), Ok(Duration::ZERO));
    assert_eq!(limits.turn(&to(7), NOW), put_off(100));
    assert_eq!(limits.turn(&to(8), at(1)), Ok(Duration::ZERO));
    assert_eq!(limits.turn(&to(7), at(100)), Ok(Duration::ZERO));
}

#[test]
fn an_unused_turn_expires() {
    let caps = OutboundSettings { per_second: Some(1.0), ..NONE };
    let mut limits = RateLimits::new(&caps);
    for chat in 0..10 {
        let _ = limits.turn(&to(chat), NOW);
    }
    // All of them come back late at the same time, and must not be made at the same time.
    let waits: Vec<_> = (3..10).map(|chat| limits.turn(&to(chat), at(60))).collect();
    let seconds = |seconds| Ok(Duration::from_secs(seconds));
    assert_eq!(waits, [seconds(0), seconds(1), seconds(2), put_off(3), put_off(4), put_off(5), put_off(6)]);
}

proptest! {
    #[test]
    fn no_second_has_more_calls_than_the_cap(gaps in prop::collection::vec(0_u64..400, 1..200), rate in 1_u32..50) {
        let caps = OutboundSettings { per_second: Some(f64::from(rate)), ..NONE };
        let (mut limits, mut now, mut turns) = (RateLimits::new(&caps), NOW, Vec::new());
        for gap in gaps {
            now = later(now, Duration::from_millis(gap));
            if let Ok(wait) = limits.turn(&to(1), now) {
                turns.push(later(now, wait));
            }
        }
        for (index, turn) in turns.iter().enumerate() {
            let second = later(*turn, Duration::from_millis(999));
            let within = turns[index..].iter().filter(|other| **other < second).count();
            prop_assert!(within <= rate as usize, "{within} in a second");
        }
    }
}
