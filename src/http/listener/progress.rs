use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::counts::Closed;
use super::limits::Limits;

/// What a connection is doing. The order is that of eviction: closing the first one loses the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// The last response is sent. Data that still arrives is discarded.
    Linger,
    /// The connection is new, or the head of a request is arriving.
    Head,
    /// Every request is answered, and no other has begun.
    Idle,
    /// A request is being answered.
    Work,
    /// An event stream is sent. It has no deadline: a client that does not read it costs one connection and the buffers of
    /// the system, and the number of streams is limited where they are made.
    Events,
}

/// What all connections share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The number of ticks so far: the time of the deadlines.
    pub(super) ticks: AtomicU64,
    /// Whether the service is stopping: the next response of each connection is its last.
    pub(super) stopping: AtomicBool,
    /// Cancelled when connections must end after their current request, and idle ones at once.
    pub(super) closing: CancellationToken,
}

/// How far a connection is, and since which tick. The connection writes it; the check of deadlines reads it.
#[derive(Debug)]
pub(super) struct Progress {
    shared: Arc<Shared>,
    /// Cancelled when this connection must end after its current request. Its own token, because all connections
    /// would wait on the lock of a shared one.
    pub(super) closing: CancellationToken,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// The tick at which the phase began.
    since: u64,
    /// The number of requests that have begun.
    requests: u64,
    /// The tick at which the client stopped reading its response.
    blocked_since: Option<u64>,
    /// Whether the last response was an event stream, which has ended. A client that does not read its end has no time
    /// left.
    has_ended_events: bool,
    body: RequestBody,
}

/// The body of the current request.
#[derive(Debug)]
enum RequestBody {
    /// It has been read to its end, or there is none.
    Read,
    /// It has not been read to its end.
    Unread,
    /// The route answered without it. It is short, so the connection can still read it.
    Returned(Incoming),
}

impl Progress {
    /// The progress of a new connection.
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let since = shared.ticks.load(Ordering::Relaxed);
        let state = State {
            phase: Phase::Head,
            since,
            requests: 0,
            blocked_since: None,
            has_ended_events: false,
            body: RequestBody::Read,
        };
        Self { closing: shared.closing.child_token(), shared, state: Mutex::new(state) }
    }

    /// Begins another phase.
    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state.lock();
        (state.phase, state.since) = (phase, self.now());
        if phase == Phase::Work {
            state.requests += 1;
            state.has_ended_events = false;
        }
    }

    /// Records that a streamed response has ended.
    pub(super) fn stream_ended(&self) {
        let mut state = self.state.lock();
        state.has_ended_events = state.phase == Phase::Events;
        (state.phase, state.since) = (Phase::Idle, self.now());
    }

    /// The number of requests that have begun.
    pub(super) fn requests(&self) -> u64 {
        self.state.lock().requests
    }

    /// Begins the deadline of the work anew, because something has passed.
    pub(super) fn work_goes_on(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Work {
            state.since = self.now();
        }
    }

    /// Whether a request is being answered.
    pub(super) fn works(&self) -> bool {
        self.state.lock().phase == Phase::Work
    }

    /// Records that bytes have arrived. On an idle connection, the next request begins.
    pub(super) fn received(&self) {
        let mut state = self.state.lock();
        if state.phase == Phase::Idle {
            (state.phase, state.since) = (Phase::Head, self.now());
        }
    }

    /// Records that the client has stopped reading.
    pub(super) fn blocked(&self) {
        let mut state = self.state.lock();
        state.blocked_since = state.blocked_since.or_else(|| Some(self.now()));
    }

    /// Records that the client has read everything sent so far.
    pub(super) fn flushed(&self) {
        self.state.lock().blocked_since = None;
    }

    /// Records the start of a request, whose body may be empty.
    pub(super) fn body_begins(&self, is_empty: bool) {
        self.state.lock().body = if is_empty { RequestBody::Read } else { RequestBody::Unread };
    }

    /// Records that the body of the current request has been read to its end.
    pub(super) fn body_ended(&self) {
        self.state.lock().body = RequestBody::Read;
    }

    /// Returns a short body to the connection, unless it has been read to its end.
    pub(super) fn return_body(&self, body: Incoming) {
        let mut state = self.state.lock();
        if matches!(state.body, RequestBody::Unread) {
            state.body = RequestBody::Returned(body);
        }
    }

    /// Takes the body that was returned to the connection. It stays unread until it is read to its end.
    pub(super) fn take_returned_body(&self) -> Option<Incoming> {
        let mut state = self.state.lock();
        if !matches!(state.body, RequestBody::Returned(_)) {
            return None;
        }
        match std::mem::replace(&mut state.body, RequestBody::Unread) {
            RequestBody::Returned(body) => Some(body),
            RequestBody::Read | RequestBody::Unread => None,
        }
    }

    /// Whether the connection ends after the response that is given now.
    pub(super) fn is_last_response(&self) -> bool {
        self.shared.stopping.load(Ordering::Relaxed) || !matches!(self.state.lock().body, RequestBody::Read)
    }

    /// The deadline that the connection has missed.
    pub(super) fn overdue(&self, limits: &Limits) -> Option<Closed> {
        let state = self.state.lock();
        let is_too_slow = |since| match state.phase {
            // Nothing more is asked of a stream whose client does not read, so it would not notice the stop.
            Phase::Events => self.shared.stopping.load(Ordering::Relaxed),
            Phase::Linger | Phase::Head | Phase::Idle | Phase::Work => {
                state.has_ended_events || self.has_passed(since, limits.answer, limits.tick)
            }
        };
        if state.blocked_since.is_some_and(is_too_slow) {
            return Some(Closed::Answer);
        }
        let (reason, limit) = match state.phase {
            Phase::Events => return None,
            Phase::Linger => (Closed::Linger, limits.linger),
            Phase::Head => (Closed::Head, limits.head),
            Phase::Idle => (Closed::Idle, limits.idle),
            Phase::Work => (Closed::Work, limits.work),
        };
        self.has_passed(state.since, limit, limits.tick).then_some(reason)
    }

    /// The rank for eviction: the connection with the lowest one goes first. `None` while a request is being answered;
    /// such a connection is never evicted, unless its client has stopped reading.
    pub(super) fn eviction_rank(&self) -> Option<(Phase, u64)> {
        let state = self.state.lock();
        match state.blocked_since {
            Some(since) => Some((Phase::Linger, since)),
            None => (state.phase < Phase::Work).then_some((state.phase, state.since)),
        }
    }

    /// Whether more than `limit` has passed. The tick in which it began does not count, so no connection is closed
    /// early.
    fn has_passed(&self, since: u64, limit: Duration, tick: Duration) -> bool {
        u128::from(self.now().saturating_sub(since)) > limit.as_nanos().div_ceil(tick.as_nanos().max(1))
    }

    fn now(&self) -> u64 {
        self.shared.ticks.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> (Progress, Arc<Shared>) {
        let shared = Arc::new(Shared { ticks: AtomicU64::new(7), ..Shared::default() });
        (Progress::new(Arc::clone(&shared)), shared)
    }

    /// The number of ticks after which a connection is closed.
    fn closed_after(progress: &Progress, shared: &Shared) -> u64 {
        let ticks = &shared.ticks;
        let begun = ticks.load(Ordering::Relaxed);
        while progress.overdue(&Limits::default()).is_none() {
            ticks.fetch_add(1, Ordering::Relaxed);
        }
        ticks.load(Ordering::Relaxed) - begun - 1
    }

    #[test]
    fn each_phase_has_its_own_deadline() {
        for (phase, seconds) in [(Phase::Head, 10), (Phase::Work, 60), (Phase::Idle, 120), (Phase::Linger, 2)] {
            let (progress, shared) = progress();
            progress.enter(phase);
            assert_eq!(closed_after(&progress, &shared), seconds, "{phase:?}");
        }
    }

    #[test]
    fn a_piece_of_a_stream_begins_the_deadline_of_the_work_anew_and_no_other() {
        for (phase, seconds) in [(Phase::Work, 60), (Phase::Idle, 120 - 50)] {
            let (progress, shared) = progress();
            progress.enter(phase);
            shared.ticks.fetch_add(50, Ordering::Relaxed);
            progress.work_goes_on();
            assert_eq!(closed_after(&progress, &shared), seconds, "{phase:?}");
        }
    }

    #[test]
    fn the_first_byte_of_a_request_begins_its_head_and_later_bytes_do_not_extend_it() {
        let (progress, shared) = progress();
        progress.enter(Phase::Idle);
        shared.ticks.fetch_add(100, Ordering::Relaxed);
        progress.received();
        shared.ticks.fetch_add(4, Ordering::Relaxed);
        progress.received();
        assert_eq!(closed_after(&progress, &shared), 10 - 4);
    }

    #[test]
    fn a_client_that_reads_slowly_has_as_long_as_one_that_reads_nothing() {
        let (progress, shared) = progress();
        progress.enter(Phase::Idle);
        progress.blocked();
        shared.ticks.fetch_add(9, Ordering::Relaxed);
        progress.blocked();
        assert_eq!(closed_after(&progress, &shared), 10 - 9);
        progress.flushed();
        assert_eq!(closed_after(&progress, &shared), 120 - 11);
    }

    #[test]
    fn an_event_stream_has_no_deadline_until_the_stop_and_then_a_client_that_does_not_read_has_no_time_left() {
        let (progress, shared) = progress();
        progress.enter(Phase::Work);
        progress.enter(Phase::Events);
        progress.blocked();
        shared.ticks.fetch_add(100_000, Ordering::Relaxed);
        assert_eq!(progress.overdue(&Limits::default()), None);
        shared.stopping.store(true, Ordering::Relaxed);
        assert_eq!(progress.overdue(&Limits::default()), Some(Closed::Answer));
        progress.stream_ended();
        assert_eq!(progress.overdue(&Limits::default()), Some(Closed::Answer));
        // A client that has read it may send another request.
        progress.flushed();
        assert_eq!(closed_after(&progress, &shared), 120);
        progress.enter(Phase::Work);
        progress.blocked();
        assert_eq!(closed_after(&progress, &shared), 10);
    }

    #[test]
    fn a_connection_with_a_request_is_never_evicted_and_one_that_has_had_a_request_is_evicted_last() {
        let rank = |phase| {
            let (progress, _) = progress();
            progress.enter(phase);
            progress.eviction_rank()
        };
        assert_eq!(rank(Phase::Work), None);
        assert!(rank(Phase::Linger) < rank(Phase::Head) && rank(Phase::Head) < rank(Phase::Idle));
        let (blocked, _) = progress();
        blocked.enter(Phase::Work);
        blocked.blocked();
        assert_eq!(blocked.eviction_rank(), rank(Phase::Linger));
    }
}
