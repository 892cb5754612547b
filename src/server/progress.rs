use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use hyper::body::Incoming;

use super::counts::Closed;
use super::limits::Limits;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Its last answer is out; what still comes is thrown away.
    Linger,
    /// A request's head is arriving, or the connection is new.
    Head,
    /// Its requests are answered, and no other has begun.
    Idle,
    /// A request is being answered.
    Work,
}

const PHASES: [Phase; 4] = [Phase::Linger, Phase::Head, Phase::Idle, Phase::Work];
const NEVER: u64 = u64::MAX;

/// What all connections share.
#[derive(Debug, Default)]
pub(super) struct Common {
    /// The ticks so far.
    pub(super) ticks: AtomicU64,
    /// Whether the service stops: the next answer of each connection is its last one.
    pub(super) stopping: AtomicBool,
}

/// How far a connection is, and since when: written by the connection, read by whoever looks it
/// over. All of it is advice about time, so no order between the fields matters.
#[derive(Debug)]
pub(super) struct Progress {
    all: Arc<Common>,
    /// The phase, in the two lowest bits, and the tick at which it began: one word, so that no
    /// phase is ever read with another's beginning.
    phase: AtomicU64,
    /// The tick at which the client stopped taking its answer.
    stuck: AtomicU64,
    /// Whether the body of the request in hand has not been read to its end.
    unread: AtomicBool,
    /// That body, when its request was answered without it and it is short.
    put_back: Mutex<Option<Incoming>>,
    leaving: AtomicBool,
    task: AtomicWaker,
}

impl Progress {
    /// A connection that begins now.
    pub(super) fn new(all: Arc<Common>) -> Self {
        let progress = Self {
            all,
            phase: AtomicU64::default(),
            stuck: AtomicU64::new(NEVER),
            unread: AtomicBool::default(),
            put_back: Mutex::default(),
            leaving: AtomicBool::default(),
            task: AtomicWaker::new(),
        };
        progress.enter(Phase::Head);
        progress
    }

    /// Another phase begins.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(self.now() << 2 | phase as u64, Ordering::Relaxed);
    }

    /// Bytes have come: on an idle connection, the next request begins.
    pub(super) fn heard(&self) {
        if self.phase().0 == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// The client takes nothing now.
    pub(super) fn blocked(&self) {
        if self.stuck.load(Ordering::Relaxed) == NEVER {
            self.stuck.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The client has taken everything there was.
    pub(super) fn flushed(&self) {
        if self.stuck.load(Ordering::Relaxed) != NEVER {
            self.stuck.store(NEVER, Ordering::Relaxed);
        }
    }

    /// A request begins whose body may be empty.
    pub(super) fn body_begins(&self, is_empty: bool) {
        self.unread.store(!is_empty, Ordering::Relaxed);
    }

    /// The request's body has been read to its end.
    pub(super) fn body_ended(&self) {
        self.unread.store(false, Ordering::Relaxed);
    }

    /// Whether the body of the request in hand has not been read to its end.
    pub(super) fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Keeps an unread body for the connection.
    pub(super) fn put_back(&self, body: Option<Incoming>) {
        *self.put_back.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    /// The unread body that was put back.
    pub(super) fn unread_body(&self) -> Option<Incoming> {
        self.put_back.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the connection ends after the answer that is given now.
    pub(super) fn is_last_answer(&self) -> bool {
        self.is_unread() || self.all.stopping.load(Ordering::Relaxed)
    }

    /// The service stops: the connection is to end after what it is doing.
    pub(super) fn ask_to_leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.task.wake();
    }

    /// Whether the connection is to end. If not, the task is woken once it is.
    pub(super) fn is_leaving(&self, cx: &Context<'_>) -> bool {
        self.task.register(cx.waker());
        self.leaving.load(Ordering::Acquire)
    }

    /// What the connection has been at for longer than it may.
    pub(super) fn overstayed(&self, limits: &Limits) -> Option<Closed> {
        let (phase, since) = self.phase();
        let (what, may_take) = match phase {
            Phase::Linger => (Closed::Linger, limits.linger),
            Phase::Head => (Closed::Head, limits.head),
            Phase::Idle => (Closed::Idle, limits.idle),
            Phase::Work => (Closed::Work, limits.work),
        };
        if self.is_over(self.stuck.load(Ordering::Relaxed), limits.answer, limits.tick) {
            return Some(Closed::Answer);
        }
        self.is_over(since, may_take, limits.tick).then_some(what)
    }

    /// How much would be lost with the connection: the least first, of two alike the older first;
    /// nothing can be given for one on which a request is being answered.
    pub(super) fn worth(&self) -> Option<(Phase, u64)> {
        let (phase, since) = self.phase();
        match self.stuck.load(Ordering::Relaxed) {
            NEVER => (phase != Phase::Work).then_some((phase, since)),
            since => Some((Phase::Linger, since)),
        }
    }

    /// A tick is over only when the next has begun: nobody is put out early.
    fn is_over(&self, since: u64, may_take: Duration, tick: Duration) -> bool {
        u128::from(self.now().saturating_sub(since)) > may_take.as_nanos().div_ceil(tick.as_nanos().max(1))
    }

    fn phase(&self) -> (Phase, u64) {
        let word = self.phase.load(Ordering::Relaxed);
        (PHASES[(word & 3) as usize], word >> 2)
    }

    fn now(&self) -> u64 {
        self.all.ticks.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress() -> (Progress, Arc<Common>) {
        let all = Arc::new(Common { ticks: AtomicU64::new(7), ..Common::default() });
        (Progress::new(Arc::clone(&all)), all)
    }

    /// After how many ticks a connection is put out.
    fn put_out_after(progress: &Progress, all: &Common) -> u64 {
        let ticks = &all.ticks;
        let begun = ticks.load(Ordering::Relaxed);
        while progress.overstayed(&Limits::default()).is_none() {
            ticks.fetch_add(1, Ordering::Relaxed);
        }
        ticks.load(Ordering::Relaxed) - begun - 1
    }

    #[test]
    fn each_phase_has_its_own_deadline() {
        for (phase, seconds) in [(Phase::Head, 10), (Phase::Work, 60), (Phase::Idle, 120), (Phase::Linger, 2)] {
            let (progress, all) = progress();
            progress.enter(phase);
            assert_eq!(put_out_after(&progress, &all), seconds, "{phase:?}");
        }
    }

    #[test]
    fn the_first_byte_of_a_request_ends_idleness_and_no_later_one_prolongs_the_head() {
        let (progress, all) = progress();
        progress.enter(Phase::Idle);
        all.ticks.fetch_add(100, Ordering::Relaxed);
        progress.heard();
        all.ticks.fetch_add(4, Ordering::Relaxed);
        progress.heard();
        assert_eq!(put_out_after(&progress, &all), 10 - 4);
    }

    #[test]
    fn who_takes_an_answer_in_drops_has_as_long_as_who_takes_nothing() {
        let (progress, all) = progress();
        progress.enter(Phase::Idle);
        progress.blocked();
        all.ticks.fetch_add(9, Ordering::Relaxed);
        progress.blocked();
        assert_eq!(put_out_after(&progress, &all), 10 - 9);
        progress.flushed();
        assert_eq!(put_out_after(&progress, &all), 120 - 11);
    }

    #[test]
    fn who_is_being_answered_never_makes_room_and_the_proven_do_so_last() {
        let worth = |phase| {
            let (progress, _) = progress();
            progress.enter(phase);
            progress.worth()
        };
        assert_eq!(worth(Phase::Work), None);
        assert!(worth(Phase::Linger) < worth(Phase::Head) && worth(Phase::Head) < worth(Phase::Idle));
        let (stuck, _) = progress();
        stuck.enter(Phase::Work);
        stuck.blocked();
        assert_eq!(stuck.worth(), worth(Phase::Linger));
    }
}
