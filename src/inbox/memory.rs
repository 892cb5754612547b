//! Keeps updates in memory only, for places without a disk: what is accepted has been *handled*, so
//! that Telegram's own queue, which keeps for 24 h what was not acknowledged, is the store.

mod dead;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::lanes::{Lanes, Move};
use super::order::Order;
use super::{
    Accepted, Counts, Delivery, Inbox, InboxError, LEASE, Lease, Record, Selection, Survey, Unhandled, UpdateState,
    Verdict,
};
use crate::clock::{SharedClock, earlier, elapsed, later};
use crate::fail;
use crate::settings::InboxSettings;
use crate::telegram::Call;
use crate::update::{Update, UpdateId};
use dead::Dead;

/// How long an acknowledgement waits for the update to be handled. Telegram waits for 60 s, proxies
/// often for 30 s; what takes longer is offered again, and finds the work under way or done.
const PATIENCE: Duration = Duration::from_secs(25);
/// How many updates that ended are remembered at most, the latest: 32 bytes each.
const REMEMBERED: usize = 1_000_000;

/// An inbox that a restart empties.
pub(super) struct MemoryInbox {
    order: Order,
    kept: Mutex<Kept>,
    settings: InboxSettings,
    clock: SharedClock,
    /// When the service stops, what nobody has begun is given back to Telegram.
    stopping: CancellationToken,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Kept {
    open: HashMap<UpdateId, Open>,
    dead: Dead,
    ended: HashMap<UpdateId, Timestamp>,
    ended_in_order: VecDeque<(Timestamp, UpdateId)>,
}

/// An update that somebody still has to do something about.
struct Open {
    update: Update,
    attempts: u32,
    reason: Option<String>,
    calls_left: Option<Vec<Call>>,
    /// Who waits to acknowledge it.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Kept {
    fn end(&mut self, id: UpdateId, now: Timestamp) {
        if self.ended.insert(id, now).is_none() {
            self.ended_in_order.push_back((now, id));
        }
        if self.ended_in_order.len() > REMEMBERED {
            self.forget_oldest();
        }
    }

    fn bury(&mut self, open: Open, now: Timestamp) {
        for gone in self.dead.bury(open) {
            self.end(gone, now);
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, id)) = self.ended_in_order.pop_front() {
            self.ended.remove(&id);
        }
    }
}

impl MemoryInbox {
    pub(super) fn new(
        settings: &InboxSettings,
        clock: SharedClock,
        stopping: CancellationToken,
        counts: Arc<Counts>,
    ) -> Self {
        // Bodies are kept here, not in the lanes.
        let order = Order::new(Lanes::new(0));
        Self { order, kept: Mutex::default(), settings: settings.clone(), clock, stopping, counts }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the update, or finds it kept already; then whoever waits for it is told on the channel.
    /// None when it has ended.
    fn join(&self, update: Update) -> Result<(Accepted, Option<oneshot::Receiver<()>>), InboxError> {
        let mut kept = self.kept();
        let (sender, handled) = oneshot::channel();
        if let Some(open) = kept.open.get_mut(&update.id) {
            open.waiting.push(sender);
            return Ok((Accepted::Known, Some(handled)));
        }
        if kept.ended.contains_key(&update.id) || kept.dead.has(update.id) {
            return Ok((Accepted::Known, None));
        }
        if kept.open.len() >= self.settings.capacity {
            return Err(InboxError::Full { capacity: self.settings.capacity });
        }
        if kept.open.len() + kept.dead.len() >= self.settings.capacity
            && let Some(gone) = kept.dead.make_room()
        {
            kept.end(gone, self.clock.steady());
        }
        self.order.lanes().push_kept(update.chat_key, update.id, update.received_at, None);
        let open = Open { attempts: 0, reason: None, calls_left: None, waiting: vec![sender], update };
        kept.open.insert(open.update.id, open);
        Ok((Accepted::Stored, Some(handled)))
    }

    /// Takes an update that nobody has begun out again; whether that could be done.
    fn give_back(&self, update: &Update) -> bool {
        let mut kept = self.kept();
        let withdrawn = self.order.lanes().withdraw(update.chat_key, update.id);
        if withdrawn {
            kept.open.remove(&update.id);
        }
        withdrawn
    }
}

/// The update was not handled; whoever offered it keeps it.
fn not_handled(why: Unhandled) -> InboxError {
    InboxError::NotHandled { why }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        fail::point("received");
        let (accepted, handled) = self.join(update.clone())?;
        let Some(mut handled) = handled else { return Ok(accepted) };
        self.order.changed();
        let patience = self.clock.sleep(PATIENCE);
        tokio::select! {
            biased;
            handled = &mut handled => return handled.map(|()| accepted).or(Err(not_handled(Unhandled::Stopping))),
            () = self.stopping.cancelled() => {
                if self.give_back(&update) {
                    return Err(not_handled(Unhandled::Stopping));
                }
            }
            () = patience => return Err(not_handled(Unhandled::Late)),
        }
        // It was begun before the stop, and has the grace to end.
        tokio::select! {
            handled = handled => handled.map(|()| accepted).or(Err(not_handled(Unhandled::Stopping))),
            () = self.clock.sleep(PATIENCE) => Err(not_handled(Unhandled::Late)),
        }
    }

    async fn ready(&self) {
        self.order.ready(&*self.clock).await;
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, InboxError> {
        let now = self.clock.steady();
        let kept = self.kept();
        let claimed = self.order.lanes().claim(now, later(now, LEASE), limit);
        let delivery = |lease: Lease| {
            let open = kept.open.get(&lease.update_id)?;
            let (update, calls_left) = (open.update.clone(), open.calls_left.clone());
            // A process that dies takes all of it along.
            Some(Delivery { update, attempt: open.attempts + 1, lease, calls_left, crash_count: 0 })
        };
        Ok(claimed.into_iter().filter_map(|claimed| delivery(claimed.lease)).collect())
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        let mut kept = self.kept();
        let mut lanes = self.order.lanes();
        if !lanes.begin_settling(lease) {
            return Err(InboxError::LeaseLost(lease));
        }
        fail::point("before the outcome is recorded");
        let again = match &verdict {
            Verdict::Retry { at, .. } | Verdict::Postpone { at, .. } | Verdict::CallsLeft { at, .. } => Some(*at),
            Verdict::Released => {
                lanes.release(lease);
                None
            }
            Verdict::Done | Verdict::Dead { .. } | Verdict::Refused { .. } | Verdict::Expired => {
                lanes.settle(lease, Move::Gone);
                None
            }
        };
        if let Some(at) = again {
            lanes.settle(lease, Move::Again { at });
        }
        drop(lanes);
        let Some(mut open) = kept.open.remove(&lease.update_id) else { return Ok(()) };
        match verdict {
            Verdict::Done | Verdict::Expired => {
                kept.end(lease.update_id, self.clock.steady());
                open.acknowledge();
            }
            Verdict::Dead { reason } => {
                open.attempts += 1;
                open.reason = Some(reason);
                open.acknowledge();
                kept.bury(open, self.clock.steady());
            }
            Verdict::Refused { calls, reason } => {
                open.attempts += 1;
                open.calls_left = Some(calls);
                open.reason = Some(reason);
                open.acknowledge();
                kept.bury(open, self.clock.steady());
            }
            Verdict::Retry { reason, .. } => {
                open.attempts += 1;
                open.reason = Some(reason);
                kept.open.insert(lease.update_id, open);
            }
            Verdict::Postpone { reason, .. } => {
                open.reason = Some(reason);
                kept.open.insert(lease.update_id, open);
            }
            Verdict::CallsLeft { calls, reason, .. } => {
                open.calls_left = Some(calls);
                open.reason = Some(reason);
                kept.open.insert(lease.update_id, open);
            }
            Verdict::Released => drop(kept.open.insert(lease.update_id, open)),
        }
        drop(kept);
        self.order.changed();
        Ok(())
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        let until = later(self.clock.steady(), LEASE);
        let mut lanes = self.order.lanes();
        for lease in leases {
            lanes.extend(*lease, until);
        }
        Ok(())
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        let dead = self.kept().dead.len() as u64;
        let lanes = self.order.lanes();
        let (open, held) = (lanes.open(), lanes.held());
        let full = open >= self.settings.capacity;
        Ok(Survey { waiting: (open - held) as u64, held: held as u64, dead, full, oldest: lanes.oldest() })
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        let kept = self.kept();
        Ok(kept.dead.of(which).take(limit).map(Open::record).collect())
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let (mut kept, now) = (self.kept(), self.clock.steady());
        let mut revived = Vec::new();
        for mut dead in kept.dead.take(which) {
            let update = &mut dead.update;
            update.expires_at = later(now, elapsed(update.received_at, update.expires_at));
            update.received_at = now;
            revived.push(update.id);
            self.order.lanes().push_kept(update.chat_key, update.id, update.received_at, None);
            kept.open.insert(dead.update.id, Open { attempts: 0, reason: None, ..dead });
        }
        drop(kept);
        self.order.changed();
        Ok(revived)
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let mut kept = self.kept();
        let discarded: Vec<_> = kept.dead.take(which).iter().map(|dead| dead.update.id).collect();
        for id in &discarded {
            kept.end(*id, self.clock.steady());
        }
        Ok(discarded)
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        let now = self.clock.steady();
        let lapsed = self.order.lanes().lapse(now);
        self.counts.leases_lapsed.inc_by(lapsed as u64);
        if lapsed > 0 {
            self.order.changed();
        }
        let before = earlier(now, self.settings.keep_done);
        let mut kept = self.kept();
        while kept.ended_in_order.front().is_some_and(|(ended_at, _)| *ended_at < before) {
            kept.forget_oldest();
        }
        Ok(())
    }
}

impl Open {
    /// Tells everybody who waits that it has ended here.
    fn acknowledge(&mut self) {
        for waiting in self.waiting.drain(..) {
            // One whose client has gone away waits no more.
            let _ = waiting.send(());
        }
    }

    fn record(&self) -> Record {
        Record {
            id: self.update.id,
            kind: self.update.kind.clone(),
            chat_key: self.update.chat_key.to_string(),
            state: UpdateState::Dead,
            received_at: self.update.received_at,
            attempts: self.attempts,
            reason: self.reason.clone(),
            body: Some(String::from_utf8_lossy(&self.update.body).into_owned()),
            calls_left: self.calls_left.clone(),
        }
    }
}
