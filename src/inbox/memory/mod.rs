//! Stores updates in memory only, for platforms without a disk. An update is acknowledged when it has been *handled*,
//! so Telegram's own queue, which keeps an unacknowledged update for 24 h, is the durable store.

mod browse;
mod contents;
mod ended;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::contract::Inbox;
use super::counts::Counts;
use super::delivery::{Accepted, Claimable, Delivery, Lease};
use super::deps::Deps;
use super::error::{InboxError, Unhandled};
use super::lanes::{Lanes, Stored, Urgency};
use super::ready_queue::ReadyQueue;
use super::record::{Record, Selection, UpdateState};
use super::stored as named;
use super::survey::Survey;
use super::verdict::Verdict;
use crate::clock::{SharedClock, earlier, elapsed, later};
use crate::fail_points;
use crate::settings::InboxSettings;
use crate::update::{Update, UpdateId};
use contents::{Contents, OpenUpdate};

/// How long a request waits until its update has been handled. Telegram waits 60 s, proxies often 30 s. A request that
/// comes later finds the update still in progress, or done.
const PATIENCE: Duration = Duration::from_secs(25);

/// An inbox whose contents end with the process.
pub(super) struct MemoryInbox {
    queue: ReadyQueue,
    contents: Mutex<Contents>,
    /// The named values. They end with the process: the bot sets its target again.
    values: Mutex<BTreeMap<named::Stored, String>>,
    settings: InboxSettings,
    clock: SharedClock,
    /// The soft stop: updates that are not yet claimed are left to Telegram then.
    stopping: CancellationToken,
    counts: Arc<Counts>,
}

impl MemoryInbox {
    pub(super) fn new(settings: &InboxSettings, deps: Deps) -> Self {
        let Deps { clock, shutdown, counts } = deps;
        // The bodies are in `contents`, so the lanes cache none.
        let queue = ReadyQueue::new(Lanes::new(0), Arc::clone(&clock));
        let (contents, values) = (Mutex::default(), Mutex::default());
        Self { queue, contents, values, settings: settings.clone(), clock, stopping: shutdown.soft, counts }
    }

    /// Stores the update unless its id is known. The channel reports when the update has been handled; there is none if
    /// it has ended.
    fn add(&self, update: Update) -> Result<(Accepted, Option<oneshot::Receiver<()>>), InboxError> {
        let capacity = self.settings.capacity;
        let mut contents = self.contents.lock();
        let (request, handled) = oneshot::channel();
        if let Some(open) = contents.open.get_mut(&update.id) {
            open.requests.push(request);
            return Ok((Accepted::Known, Some(handled)));
        }
        if contents.has_ended(update.id) {
            return Ok((Accepted::Known, None));
        }
        if contents.open.len() >= capacity {
            return Err(InboxError::Full { capacity });
        }
        if contents.open.len() + contents.dead.len() >= capacity {
            contents.drop_oldest_dead(self.clock.steady());
        }
        self.queue.lanes().push_stored(stored(&update, false));
        let requests = vec![request];
        let open = OpenUpdate { attempts: 0, revived: false, reason: None, calls_left: None, requests, update };
        contents.open.insert(open.update.id, open);
        Ok((Accepted::Stored, Some(handled)))
    }

    /// Removes an update that is not claimed. Returns whether it was removed.
    fn withdraw(&self, update: &Update) -> bool {
        let mut contents = self.contents.lock();
        let withdrawn = self.queue.lanes().withdraw(update.chat_key, update.id);
        if withdrawn {
            contents.open.remove(&update.id);
        }
        withdrawn
    }
}

fn stored(update: &Update, has_calls: bool) -> Stored {
    let Update { id, chat_key: key, received_at, .. } = *update;
    let urgency = Urgency::of(key, &update.kind);
    Stored { key, id, received_at, ready_at: None, crash_count: None, has_calls, urgency }
}

fn not_handled(why: Unhandled) -> InboxError {
    InboxError::NotHandled { why }
}

#[async_trait]
impl Inbox for MemoryInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        fail_points::point("received");
        let (accepted, handled) = self.add(update.clone())?;
        let Some(mut handled) = handled else { return Ok(accepted) };
        self.queue.notify();
        let patience = self.clock.sleep(PATIENCE);
        tokio::select! {
            biased;
            handled = &mut handled => return handled.map(|()| accepted).or(Err(not_handled(Unhandled::Stopping))),
            () = self.stopping.cancelled() => {
                if self.withdraw(&update) {
                    return Err(not_handled(Unhandled::Stopping));
                }
            }
            () = patience => return Err(not_handled(Unhandled::Late)),
        }
        // It was claimed before the stop, and may end within the grace period.
        tokio::select! {
            handled = handled => handled.map(|()| accepted).or(Err(not_handled(Unhandled::Stopping))),
            () = self.clock.sleep(PATIENCE) => Err(not_handled(Unhandled::Late)),
        }
    }

    async fn ready(&self, which: Claimable) {
        self.queue.ready(which).await;
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        let contents = self.contents.lock();
        let delivery = |lease: Lease| {
            let open = contents.open.get(&lease.update_id)?;
            Some(Delivery {
                update: open.update.clone(),
                attempt: open.attempts + 1,
                revived: open.revived,
                lease,
                calls_left: open.calls_left.clone(),
                // A crash loses this inbox, so no update has survived one.
                crash_count: 0,
            })
        };
        Ok(self.queue.claim(limit, which).into_iter().filter_map(|claimed| delivery(claimed.lease)).collect())
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        let mut contents = self.contents.lock();
        let mut lanes = self.queue.lanes();
        if !lanes.begin_settling(lease) {
            return Err(InboxError::LeaseLost(lease));
        }
        fail_points::point("before the outcome is recorded");
        if verdict == Verdict::Released {
            lanes.release(lease);
        } else {
            if verdict.calls().is_some() {
                lanes.keep_calls(lease);
            }
            lanes.settle(lease, verdict.retry_at());
            contents.record(lease.update_id, &verdict, self.clock.steady());
        }
        drop((lanes, contents));
        self.queue.notify();
        Ok(())
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.queue.extend(leases);
        Ok(())
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        let (dead, capacity) = (self.contents.lock().dead.len() as u64, self.settings.capacity as u64);
        Ok(self.queue.survey(dead, |open| open >= capacity))
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        Ok(self.contents.lock().dead.selected(which).take(limit).map(|dead| dead.record(UpdateState::Dead)).collect())
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let (mut contents, now) = (self.contents.lock(), self.clock.steady());
        let mut revived = Vec::new();
        for mut dead in contents.dead.take(which) {
            let update = &mut dead.update;
            update.expires_at = later(now, elapsed(update.received_at, update.expires_at));
            update.received_at = now;
            revived.push(update.id);
            self.queue.lanes().push_stored(stored(update, dead.calls_left.is_some()));
            contents.open.insert(dead.update.id, OpenUpdate { attempts: 0, revived: true, reason: None, ..dead });
        }
        drop(contents);
        self.queue.notify();
        Ok(revived)
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let mut contents = self.contents.lock();
        let discarded = contents.dead.take(which);
        for dead in &discarded {
            contents.end(dead, UpdateState::Discarded, self.clock.steady());
        }
        Ok(discarded.iter().map(|dead| dead.update.id).collect())
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        let mut contents = self.contents.lock();
        let mut lanes = self.queue.lanes();
        let dropped = lanes.unhandled();
        lanes.remove_unhandled();
        for id in &dropped {
            contents.drop_open(*id, self.clock.steady());
        }
        let number = dropped.len() as u64;
        self.counts.dropped.inc_by(number);
        Ok(number)
    }

    async fn save(&self, which: named::Stored, value: &str) -> Result<(), InboxError> {
        self.values.lock().insert(which, value.to_owned());
        Ok(())
    }

    async fn load(&self, which: named::Stored) -> Result<Option<String>, InboxError> {
        Ok(self.values.lock().get(&which).cloned())
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        self.counts.leases_lapsed.inc_by(self.queue.release_lapsed());
        self.contents.lock().ended.forget(earlier(self.clock.steady(), self.settings.keep_done));
        Ok(())
    }
}
