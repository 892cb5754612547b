//! Stores updates in one SQLite file that this process alone owns.
//!
//! The order of work is in memory, in [`Lanes`]; the file is the durable record from which a restart restores it. One
//! thread writes: it commits everything that arrived during the last commit, so that one fsync serves many updates.

mod browse;
mod clock_lag;
mod crash_suspects;
mod inspect;
mod open;
mod ownership;
mod permissions;
mod queue;
mod reader;
mod request;
mod row;
mod settle;
mod store;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::contract::Inbox;
use super::delivery::{Accepted, Claimable, Delivery, Lease};
use super::deps::Deps;
use super::error::InboxError;
use super::lanes::{Claimed, Lanes};
use super::ready_queue::ReadyQueue;
use super::record::{Record, Selection};
use super::stored::Stored;
use super::survey::Survey;
use super::sweeping::Sweeping;
use super::verdict::Verdict;
use crate::clock::{SharedClock, earlier};
use crate::fail_points;
use crate::settings::InboxSettings;
use crate::telegram::BotId;
use crate::update::{Update, UpdateId};
pub(super) use inspect::{inspect, stored_target};
pub(super) use open::is_on_system_disk;
use queue::{Shared, closed};
use reader::Reader;
use request::{Change, Recorded, Request};
use store::{Loaded, Store};

/// The bytes of update bodies that stay in memory until their first claim. Bodies beyond that are read from the file.
const CACHE_LIMIT: usize = 16 << 20;
/// Rows that a sweep looks at in one step, so that no commit waits long for it.
const SWEEP_STEP: i64 = 2_000;
/// Steps of one sweep.
const SWEEP_STEPS: usize = 20;

/// An inbox in one file.
pub(super) struct SqliteInbox {
    shared: Arc<Shared>,
    settings: InboxSettings,
    clock: SharedClock,
    writer: Option<JoinHandle<()>>,
    reader: Reader,
    /// Whether the lanes have all that waits: this process owns the file.
    owns_lanes: bool,
    sweeping: Sweeping,
}

impl SqliteInbox {
    /// Opens the file, creates it if there is none, and restores what an earlier process left.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] if the file or its folder cannot be used, is not a Doorbell inbox, is newer than this
    /// program, is in use by another process, or holds updates of another bot.
    pub(super) fn open(path: &Path, settings: &InboxSettings, bot: BotId, deps: Deps) -> Result<Self, InboxError> {
        let now = deps.clock.steady();
        let mut store = open::for_service(path, bot, now)?;
        let mut lanes = Lanes::new(CACHE_LIMIT);
        let restored = store.restore(&mut lanes, now).and_then(|()| store.adopt(&mut lanes, now));
        restored.map_err(|error| open::unusable(path, error))?;
        Ok(Self::start(path, store, lanes, settings, deps))
    }

    /// Opens the file while another process owns it, to list, revive or discard dead-letter updates. Nothing can be
    /// claimed here.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] if there is no such file, or it cannot be used.
    pub(super) fn open_for_operator(
        path: &Path,
        settings: &InboxSettings,
        clock: SharedClock,
    ) -> Result<Self, InboxError> {
        let store = open::for_operator(path)?;
        Ok(Self::start(path, store, Lanes::new(0), settings, Deps::for_operator(clock)))
    }

    fn start(path: &Path, store: Store, lanes: Lanes, settings: &InboxSettings, deps: Deps) -> Self {
        let Deps { clock, shutdown, counts } = deps;
        let queue = ReadyQueue::new(lanes, Arc::clone(&clock));
        let shared = Arc::new(Shared::new(queue, settings.capacity, counts));
        let (reader, owns_lanes) = (Reader::new(path, shutdown.tasks.clone()), store.is_owner());
        let writer = Some(writer::start(store, Arc::clone(&shared), Arc::clone(&clock), shutdown));
        let (settings, sweeping) = (settings.clone(), Sweeping::new());
        Self { shared, settings, clock, writer, reader, owns_lanes, sweeping }
    }

    /// Returns once the change is durable, or could not be made so.
    async fn commit(&self, change: Change) -> Result<Recorded, InboxError> {
        let (reply, answer) = oneshot::channel();
        self.shared.request(Request { change, reply })?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Runs `work` on the writer's thread, between two commits.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store, &Shared) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let (reply, answer) = oneshot::channel();
        self.shared.run(Box::new(move |store, shared| {
            // The caller may have been dropped, and needs no answer then.
            let _ = reply.send(work(store, shared));
        }))?;
        let Ok(done) = answer.await else { return Err(closed()) };
        done.map_err(|error| InboxError::Unavailable(Arc::new(error)))
    }

    /// Reads those claimed updates from the file that are not in memory.
    async fn load(&self, claimed: Vec<Claimed>) -> Result<Vec<Delivery>, InboxError> {
        let missing = claimed.iter().filter(|claimed| claimed.cached.is_none());
        let missing: Vec<_> = missing.map(|claimed| (claimed.lease, claimed.crash_count)).collect();
        let loaded =
            if missing.is_empty() { Vec::new() } else { self.run(move |store, _| store.load(&missing)).await? };
        let mut loaded = loaded.into_iter();
        let mut deliveries = Vec::with_capacity(claimed.len());
        for Claimed { lease, cached, crash_count } in claimed {
            if let Some(update) = cached {
                let crash_count = crash_count.unwrap_or(0);
                let (update, attempt, revived) = (*update, 1, false);
                deliveries.push(Delivery { update, attempt, revived, lease, calls_left: None, crash_count });
                continue;
            }
            match loaded.next().unwrap_or(Loaded::Missing) {
                Loaded::Found(delivery) => deliveries.push(delivery),
                Loaded::Unreadable(reason) => {
                    tracing::error!(
                        update.id = lease.update_id.0,
                        reason,
                        "update given up; `doorbell dead list` shows it"
                    );
                    self.settle(lease, Verdict::Dead { reason }).await?;
                }
                // Another program has deleted its row: there is nothing to do.
                Loaded::Missing => self.shared.queue.lanes().settle(lease, None),
            }
        }
        Ok(deliveries)
    }
}

#[async_trait]
impl Inbox for SqliteInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        fail_points::point("received");
        let recorded = self.commit(Change::Accept(update)).await?;
        fail_points::point("acknowledged");
        match recorded {
            Recorded::Stored => Ok(Accepted::Stored),
            Recorded::Known => Ok(Accepted::Known),
            Recorded::Full => Err(InboxError::Full { capacity: self.settings.capacity }),
        }
    }

    async fn ready(&self, which: Claimable) {
        self.shared.queue.ready(which).await;
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        let claimed = self.shared.queue.claim(limit, which);
        let leases: Vec<Lease> = claimed.iter().map(|claimed| claimed.lease).collect();
        self.load(claimed).await.inspect_err(|_| {
            let mut lanes = self.shared.queue.lanes();
            for lease in leases {
                lanes.release(lease);
            }
        })
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        if verdict == Verdict::Released {
            let released = self.shared.queue.lanes().release(lease);
            self.shared.queue.notify();
            return if released { Ok(()) } else { Err(InboxError::LeaseLost(lease)) };
        }
        if !self.shared.queue.lanes().begin_settling(lease) {
            return Err(InboxError::LeaseLost(lease));
        }
        self.commit(Change::Settle(lease, verdict)).await.map(drop)
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.shared.queue.extend(leases);
        Ok(())
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        let dead = self.run(|store, shared| {
            if shared.failing.load(Ordering::Relaxed) {
                store.probe_write()?;
                shared.failing.store(false, Ordering::Relaxed);
            }
            store.count_dead()
        });
        let (dead, capacity) = (dead.await?, self.settings.capacity as u64);
        Ok(self.shared.queue.survey(dead, |open| open + dead >= capacity))
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        let which = which.clone();
        self.run(move |store, _| store.list_dead(&which, limit)).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let (which, now) = (which.clone(), self.clock.steady());
        let revived = self.run(move |store, _| store.revive(&which)).await?;
        let adopted = self.run(move |store, shared| {
            if store.is_owner() && store.adopt(&mut shared.queue.lanes(), now)? {
                shared.queue.notify();
            }
            Ok(())
        });
        if let Err(error) = adopted.await {
            // They are revived all the same: the writer adopts them within a second.
            tracing::warn!(error = %crate::telemetry::chain(&error), "revived updates could not be queued; trying again");
        }
        Ok(revived)
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let (which, now) = (which.clone(), self.clock.steady());
        self.run(move |store, _| store.discard(&which, now)).await
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        let now = self.clock.steady();
        // The lanes stay locked during the commit, so no update is claimed meanwhile.
        let dropped = self.run(move |store, shared| store.drop_waiting(&mut shared.queue.lanes(), now)).await?;
        self.shared.counts.dropped.inc_by(dropped);
        Ok(dropped)
    }

    async fn save(&self, which: Stored, value: &str) -> Result<(), InboxError> {
        let value = value.to_owned();
        self.run(move |store, _| store.save_value(which, &value)).await
    }

    async fn load(&self, which: Stored) -> Result<Option<String>, InboxError> {
        self.run(move |store, _| store.load_value(which)).await
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        self.shared.counts.leases_lapsed.inc_by(self.shared.queue.release_lapsed());
        let before = earlier(self.clock.steady(), self.settings.keep_done);
        self.run(|store, _| store.erase()).await?;
        let forget = |from| self.run(move |store, _| store.forget(from, before, SWEEP_STEP));
        self.sweeping.sweep(SWEEP_STEPS, forget).await
    }
}

impl Drop for SqliteInbox {
    /// Waits for the writer: it does what it was asked to do, and then the file is free.
    fn drop(&mut self) {
        self.reader.close();
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has reported it; there is nothing to wait for.
            let _ = writer.join();
        }
    }
}
