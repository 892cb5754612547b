//! While the Bot API is away, one call at a time asks whether it is back.
//!
//! Calls that wait would otherwise all find out for themselves: hundreds of connections and hundreds of lines for one
//! fact. The first call that fails closes the gate. Then one call goes through, and those that come meanwhile wait for
//! what becomes of it, but for a few seconds only: it may be the one that hangs. An answer, whatever it says, opens the gate for all
//! of them. Without one they are put off until the next call may ask.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;

use super::ApiError;
use crate::clock::{SharedClock, elapsed, later};
use crate::telemetry::Storm;

/// How long after a call that asked in vain the next one asks: this, doubled up to the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(4);
/// How long others wait for the outcome of the call that asks; then the next one asks beside it.
const PATIENCE: Duration = Duration::from_secs(4);
/// How much later the call that asked in vain comes again itself. Others ask first: it may be the one thing that fails.
const BEHIND: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Gate {
    clock: SharedClock,
    away: Mutex<Option<Away>>,
    /// Whether it is away, for those who look before each call.
    is_away: AtomicBool,
    changed: Notify,
    storm: Storm,
}

#[derive(Debug)]
struct Away {
    /// Calls that asked one after another, and got no answer.
    in_vain: u32,
    /// The time of the last one, and that of the next.
    asked: Timestamp,
    next: Timestamp,
    /// Since when a call is asking.
    asking: Option<Timestamp>,
}

/// The right to make one call now. Dropped without an outcome, it says nothing about the Bot API.
#[derive(Debug)]
pub struct Pass<'a> {
    gate: &'a Gate,
    asks: bool,
}

impl Gate {
    pub(super) fn new(clock: SharedClock) -> Self {
        let storm = Storm::new(clock.clone());
        Self { clock, away: Mutex::default(), is_away: AtomicBool::new(false), changed: Notify::new(), storm }
    }

    /// Waits for nothing but the outcome of a call that is asking already.
    ///
    /// # Errors
    ///
    /// When to come again, where the Bot API is away and it is too early to ask.
    pub(super) async fn pass(&self) -> Result<Pass<'_>, Timestamp> {
        while self.is_away.load(Ordering::Acquire) {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let patience = {
                let (mut away, now) = (self.away(), self.clock.steady());
                let Some(away) = away.as_mut() else { break };
                // A clock that was set back keeps nobody waiting.
                let asking = away.asking.filter(|since| (*since..later(*since, PATIENCE)).contains(&now));
                let Some(since) = asking else {
                    if (away.asked..away.next).contains(&now) {
                        return Err(away.next);
                    }
                    away.asking = Some(now);
                    return Ok(Pass { gate: self, asks: true });
                };
                elapsed(now, later(since, PATIENCE))
            };
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep(patience) => {}
            }
        }
        Ok(Pass { gate: self, asks: false })
    }

    /// When a call that has just failed may come again, where it is known that others fail as well.
    pub(super) fn again_at(&self) -> Option<Timestamp> {
        self.away().as_ref().filter(|away| away.in_vain > 0).map(|away| later(away.next, BEHIND))
    }

    fn away(&self) -> MutexGuard<'_, Option<Away>> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self) {
        if self.is_away.load(Ordering::Acquire) {
            *self.away() = None;
            self.is_away.store(false, Ordering::Release);
            self.changed.notify_waiters();
        }
        if let Some(over) = self.storm.over() {
            tracing::info!(
                away_s = over.lasted.as_secs(),
                asked = over.times,
                "Telegram is available again; the calls that waited are made now"
            );
        }
    }

    fn unanswered(&self, asked: bool, error: &ApiError) {
        let now = self.clock.steady();
        {
            let mut state = self.away();
            match state.as_mut() {
                // One call has failed. It may be alone in that: the next one asks at once.
                None => *state = Some(Away { in_vain: 0, asked: now, next: now, asking: None }),
                Some(away) if asked => {
                    let wait = FIRST.saturating_mul(2_u32.saturating_pow(away.in_vain)).min(LONGEST);
                    away.in_vain = away.in_vain.saturating_add(1);
                    (away.asked, away.next, away.asking) = (now, later(now, wait), None);
                }
                // It had begun before the gate was closed.
                Some(_) => return,
            }
            self.is_away.store(true, Ordering::Release);
        }
        self.changed.notify_waiters();
        if asked && let Some(times) = self.storm.event() {
            tracing::warn!(
                %error,
                times,
                "Telegram does not carry out calls; they are kept and made later. One call at a time asks whether it is \
                 back"
            );
        }
    }
}

impl Pass<'_> {
    /// Whether the Bot API went away after this turn was given.
    pub(super) fn is_outdated(&self) -> bool {
        !self.asks && self.gate.is_away.load(Ordering::Acquire)
    }

    /// Says what became of the call.
    pub(super) fn ended(mut self, made: &Result<(), ApiError>) {
        let asked = std::mem::take(&mut self.asks);
        match made {
            // A token that is not in force fails every call alike.
            Err(
                error @ (ApiError::Unreachable { .. }
                | ApiError::Unreadable { .. }
                | ApiError::Unknown { .. }
                | ApiError::Refused { code: 401, .. }),
            ) => {
                self.gate.unanswered(asked, error);
            }
            // Nothing was sent: the next call asks.
            Err(ApiError::NotAllowed { .. }) => self.asks = asked,
            Ok(()) | Err(ApiError::Throttled { .. } | ApiError::Refused { .. }) => self.gate.answered(),
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        if self.asks {
            if let Some(away) = self.gate.away().as_mut() {
                away.asking = None;
            }
            self.gate.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;
    use futures_util::future::join_all;

    use super::*;
    use crate::clock::{Clock, ManualClock};

    const GONE: fn() -> Result<(), ApiError> = || Err(ApiError::Unreachable { reason: "a".to_owned() });

    fn closed() -> (Gate, ManualClock) {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let gate = Gate::new(Arc::new(clock.clone()));
        gate.pass().now_or_never().expect("open").expect("at once").ended(&GONE());
        (gate, clock)
    }

    #[tokio::test]
    async fn while_it_is_away_one_call_asks_and_its_answer_lets_all_go_at_once() {
        let (gate, _) = closed();
        let asking = gate.pass().await.unwrap();
        let mut others = Box::pin(join_all((0..200).map(|_| gate.pass())));
        assert!(others.as_mut().now_or_never().is_none(), "they wait for its outcome");
        asking.ended(&Ok(()));
        assert!(others.now_or_never().expect("at once").iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn where_nobody_answers_the_others_are_put_off_until_the_next_one_asks() {
        let (gate, clock) = closed();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let asking = gate.pass().await.unwrap();
            let mut other = Box::pin(gate.pass());
            assert!(other.as_mut().now_or_never().is_none());
            asking.ended(&GONE());
            let next = other.now_or_never().expect("at once").unwrap_err();
            waits.push(elapsed(clock.now(), next).as_secs());
            assert!(gate.again_at().is_some_and(|again| again > next), "others ask before the one that failed");
            clock.advance(elapsed(clock.now(), next));
        }
        assert_eq!(waits, [1, 2, 4, 4, 4, 4]);
    }

    #[tokio::test]
    async fn one_call_that_fails_alone_holds_up_nobody() {
        let (gate, _) = closed();
        assert_eq!(gate.again_at(), None);
        gate.pass().await.expect("it asks at once").ended(&Ok(()));
        assert!(!gate.pass().await.unwrap().asks);
    }

    #[tokio::test]
    async fn a_call_that_hangs_while_it_asks_holds_up_the_others_for_seconds() {
        let (gate, clock) = closed();
        let hanging = gate.pass().await.unwrap();
        let mut other = Box::pin(gate.pass());
        assert!(other.as_mut().now_or_never().is_none());
        clock.advance(PATIENCE);
        other.await.expect("it asks beside the first").ended(&Ok(()));
        assert!(!gate.pass().await.unwrap().asks);
        hanging.ended(&GONE());
        assert!(gate.again_at().is_none(), "that one failed alone");
    }

    #[tokio::test]
    async fn a_call_that_is_let_go_lets_another_one_ask() {
        let (gate, clock) = closed();
        let asking = gate.pass().await.unwrap();
        let mut other = Box::pin(gate.pass());
        assert!(other.as_mut().now_or_never().is_none());
        drop(asking);
        assert!(other.now_or_never().expect("at once").unwrap().asks);
        clock.advance(Duration::from_mins(1));
        let refused = ApiError::Refused { code: 400, description: String::new(), migrate_to_chat_id: None };
        gate.pass().await.unwrap().ended(&Err(refused));
        assert!(!gate.pass().await.unwrap().asks, "a refusal is an answer");
    }
}
