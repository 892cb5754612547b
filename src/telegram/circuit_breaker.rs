//! While the Bot API is away, one call at a time probes whether it is back.
//!
//! Without it every waiting call would find out for itself: hundreds of connections, and hundreds of log lines for one
//! fact. The first call that fails opens the circuit. From then on one call at a time is a probe, and other calls wait for
//! its outcome, but only for a few seconds, because the probe may hang. Any answer closes the circuit, and all calls
//! continue. Without an answer the calls are put off until the next probe.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::error::ApiError;
use crate::clock::{Backoff, SharedClock, elapsed, later};
use crate::telemetry::Storm;

/// The wait between a failed probe and the next one. It has no jitter, because there is one probe at a time.
const BACKOFF: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(4) };
/// How long other calls wait for the outcome of a probe. After that the next call is a probe too.
const PROBE_PATIENCE: Duration = Duration::from_secs(4);
/// How much later than the next probe the call of a failed probe comes again. Other calls probe before it, because it may
/// be the only call that fails.
const FAILED_PROBE_DELAY: Duration = Duration::from_millis(500);

/// What is logged while the circuit is open, and what pages say.
pub(super) const OUTAGE: &str =
    "Telegram does not carry out calls; they are stored and made later. One call at a time probes whether it is back";

#[derive(Debug)]
pub(super) struct CircuitBreaker {
    clock: SharedClock,
    /// The outage, while the circuit is open.
    outage: Mutex<Option<Outage>>,
    /// Whether the circuit is open. Every call reads this without the lock.
    is_open: AtomicBool,
    changed: Notify,
    storm: Storm,
}

#[derive(Debug)]
struct Outage {
    /// The number of probes in a row without an answer.
    failed_probes: u32,
    last_probe: Timestamp,
    next_probe: Timestamp,
    /// Since when a probe is running.
    probing_since: Option<Timestamp>,
}

/// The permission to make one call now. If it is dropped without an outcome, it says nothing about the Bot API.
#[derive(Debug)]
pub struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    is_probe: bool,
}

impl CircuitBreaker {
    pub(super) fn new(clock: SharedClock) -> Self {
        let storm = Storm::new(clock.clone());
        Self { clock, outage: Mutex::default(), is_open: AtomicBool::new(false), changed: Notify::new(), storm }
    }

    /// Permits a call: at once while the circuit is closed, else after the outcome of a running probe.
    ///
    /// # Errors
    ///
    /// The time of the next probe, if the Bot API is away and it is too early to probe.
    pub(super) async fn permit(&self) -> Result<Permit<'_>, Timestamp> {
        while self.is_open.load(Ordering::Acquire) {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let patience = {
                let (mut outage, now) = (self.outage.lock(), self.clock.steady());
                let Some(outage) = outage.as_mut() else { break };
                // If the clock was set back, nothing waits for the old times.
                let since = outage.probing_since.filter(|since| (*since..later(*since, PROBE_PATIENCE)).contains(&now));
                let Some(since) = since else {
                    if (outage.last_probe..outage.next_probe).contains(&now) {
                        return Err(outage.next_probe);
                    }
                    outage.probing_since = Some(now);
                    return Ok(Permit { breaker: self, is_probe: true });
                };
                elapsed(now, later(since, PROBE_PATIENCE))
            };
            tokio::select! {
                () = changed => {}
                () = self.clock.sleep(patience) => {}
            }
        }
        Ok(Permit { breaker: self, is_probe: false })
    }

    /// When a call that has just failed may be tried again. `None` unless a probe failed too.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        let outage = self.outage.lock();
        outage
            .as_ref()
            .filter(|outage| outage.failed_probes > 0)
            .map(|outage| later(outage.next_probe, FAILED_PROBE_DELAY))
    }

    fn answered(&self) {
        if self.is_open.load(Ordering::Acquire) {
            *self.outage.lock() = None;
            self.is_open.store(false, Ordering::Release);
            self.changed.notify_waiters();
        }
        if let Some(over) = self.storm.over() {
            tracing::info!(
                away_s = over.lasted.as_secs(),
                probes = over.times,
                "Telegram is available again; the calls that waited are made now"
            );
        }
    }

    fn unanswered(&self, was_probe: bool, error: &ApiError) {
        let now = self.clock.steady();
        {
            let mut state = self.outage.lock();
            match state.as_mut() {
                // Only one call has failed so far, and others may succeed: the next call is a probe at once.
                None => {
                    *state = Some(Outage { failed_probes: 0, last_probe: now, next_probe: now, probing_since: None });
                }
                Some(outage) if was_probe => {
                    outage.failed_probes = outage.failed_probes.saturating_add(1);
                    (outage.last_probe, outage.probing_since) = (now, None);
                    outage.next_probe = later(now, BACKOFF.wait(outage.failed_probes, 0.0));
                }
                // The call began before the circuit was opened.
                Some(_) => return,
            }
            self.is_open.store(true, Ordering::Release);
        }
        self.changed.notify_waiters();
        if was_probe && let Some(times) = self.storm.event() {
            tracing::warn!(%error, times, "{OUTAGE}");
        }
    }
}

impl Permit<'_> {
    /// Whether the circuit was opened after this permit was given.
    pub(super) fn is_outdated(&self) -> bool {
        !self.is_probe && self.breaker.is_open.load(Ordering::Acquire)
    }

    /// Reports the outcome of the call.
    pub(super) fn report<T>(mut self, outcome: &Result<T, ApiError>) {
        let was_probe = std::mem::take(&mut self.is_probe);
        match outcome {
            // With a token that is not valid every call fails.
            Err(
                error @ (ApiError::Unreachable { .. }
                | ApiError::Unreadable { .. }
                | ApiError::Unknown { .. }
                | ApiError::Refused { code: 401, .. }),
            ) => {
                self.breaker.unanswered(was_probe, error);
            }
            // Nothing was sent: another call must probe.
            Err(ApiError::NotAllowed { .. }) => self.is_probe = was_probe,
            Ok(_) | Err(ApiError::Throttled { .. } | ApiError::Refused { .. }) => self.breaker.answered(),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            if let Some(outage) = self.breaker.outage.lock().as_mut() {
                outage.probing_since = None;
            }
            self.breaker.changed.notify_waiters();
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

    fn open_circuit() -> (CircuitBreaker, ManualClock) {
        let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
        let breaker = CircuitBreaker::new(Arc::new(clock.clone()));
        breaker.permit().now_or_never().expect("at once").expect("a permit").report(&GONE());
        (breaker, clock)
    }

    #[tokio::test]
    async fn while_the_circuit_is_open_one_call_probes_and_its_answer_permits_all() {
        let (breaker, _) = open_circuit();
        let probe = breaker.permit().await.unwrap();
        let mut others = Box::pin(join_all((0..200).map(|_| breaker.permit())));
        assert!(others.as_mut().now_or_never().is_none(), "they wait for its outcome");
        probe.report(&Ok(()));
        assert!(others.now_or_never().expect("at once").iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn without_an_answer_the_others_are_put_off_until_the_next_probe() {
        let (breaker, clock) = open_circuit();
        let mut waits = Vec::new();
        for _ in 0..6 {
            let probe = breaker.permit().await.unwrap();
            let mut other = Box::pin(breaker.permit());
            assert!(other.as_mut().now_or_never().is_none());
            probe.report(&GONE());
            let next = other.now_or_never().expect("at once").unwrap_err();
            waits.push(elapsed(clock.now(), next).as_secs());
            assert!(breaker.retry_at().is_some_and(|again| again > next), "others probe before the one that failed");
            clock.advance(elapsed(clock.now(), next));
        }
        assert_eq!(waits, [1, 2, 4, 4, 4, 4]);
    }

    #[tokio::test]
    async fn one_call_that_fails_alone_delays_no_other() {
        let (breaker, _) = open_circuit();
        assert_eq!(breaker.retry_at(), None);
        breaker.permit().await.expect("it probes at once").report(&Ok(()));
        assert!(!breaker.permit().await.unwrap().is_probe);
    }

    #[tokio::test]
    async fn a_probe_that_hangs_delays_the_others_for_seconds() {
        let (breaker, clock) = open_circuit();
        let hanging = breaker.permit().await.unwrap();
        let mut other = Box::pin(breaker.permit());
        assert!(other.as_mut().now_or_never().is_none());
        clock.advance(PROBE_PATIENCE);
        other.await.expect("it probes at the same time as the first").report(&Ok(()));
        assert!(!breaker.permit().await.unwrap().is_probe);
        hanging.report(&GONE());
        assert!(breaker.retry_at().is_none(), "that call failed alone");
    }

    #[tokio::test]
    async fn after_a_dropped_probe_another_call_probes() {
        let (breaker, clock) = open_circuit();
        let probe = breaker.permit().await.unwrap();
        let mut other = Box::pin(breaker.permit());
        assert!(other.as_mut().now_or_never().is_none());
        drop(probe);
        assert!(other.now_or_never().expect("at once").unwrap().is_probe);
        clock.advance(Duration::from_mins(1));
        let refused = ApiError::Refused { code: 400, description: String::new(), migrate_to_chat_id: None };
        breaker.permit().await.unwrap().report::<()>(&Err(refused));
        assert!(!breaker.permit().await.unwrap().is_probe, "a refusal is an answer");
    }
}
