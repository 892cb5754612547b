//! Keeps updates in one SQLite file that this process alone owns.
//!
//! The order of work lives in memory ([`Lanes`]); the file is its journal. One thread writes: it
//! commits whatever has arrived while the last commit ran, so that one fsync serves many.

mod answers;
mod inspect;
mod journal;
mod open;
mod owner;
mod row;
mod settle;
mod tenure;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::lanes::Claimed;
use super::sweeping::Sweeping;
use super::{Accepted, Counts, Delivery, Inbox, InboxError, LEASE, Lease, Record, Selection, Survey, Verdict};
use crate::clock::{SharedClock, earlier, later};
use crate::fail;
use crate::lifecycle::Shutdown;
use crate::settings::InboxSettings;
use crate::telegram::BotId;
use crate::update::{Update, UpdateId};
pub(super) use inspect::inspect;
use journal::Journal;
pub(super) use open::is_on_system_disk;
use writer::{Job, Shared};

/// Rows a sweep looks at in one step, so that no commit waits long behind it.
const SWEEP_STEP: i64 = 2_000;
/// Steps of one sweep.
const SWEEP_STEPS: usize = 20;

/// An inbox in one file.
pub(super) struct SqliteInbox {
    shared: Arc<Shared>,
    settings: InboxSettings,
    clock: SharedClock,
    writer: Option<JoinHandle<()>>,
    sweeping: Sweeping,
}

impl SqliteInbox {
    /// Opens the file, makes it if there is none, and takes up what an earlier process left.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when the file or its folder cannot be used, is not ours, is newer
    /// than this program, is in use by another process, or keeps updates of another bot.
    pub(super) fn open(
        path: &Path,
        settings: &InboxSettings,
        bot: BotId,
        clock: SharedClock,
        shutdown: &Shutdown,
        counts: Arc<Counts>,
    ) -> Result<Self, InboxError> {
        let now = clock.steady();
        let mut journal = open::journal(path, bot, now)?;
        let shared = Arc::new(Shared::new(settings.capacity, counts));
        let restored = {
            let mut lanes = shared.order.lanes();
            journal.restore(&mut lanes, now).and_then(|()| journal.take_up(&mut lanes, now))
        };
        restored.map_err(|error| open::unusable(path, error))?;
        let writer = writer::start(journal, Arc::clone(&shared), Arc::clone(&clock), shutdown.clone());
        Ok(Self { shared, settings: settings.clone(), clock, writer: Some(writer), sweeping: Sweeping::new() })
    }

    /// Opens the file beside the process that owns it, to look and to revive or discard dead updates:
    /// nothing can be claimed here.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when there is no such file, or it cannot be used.
    pub(super) fn open_for_operator(
        path: &Path,
        settings: &InboxSettings,
        clock: SharedClock,
    ) -> Result<Self, InboxError> {
        let journal = open::visitor(path)?;
        let shared = Arc::new(Shared::new(settings.capacity, Arc::default()));
        let writer = writer::start(journal, Arc::clone(&shared), Arc::clone(&clock), Shutdown::new());
        Ok(Self { shared, settings: settings.clone(), clock, writer: Some(writer), sweeping: Sweeping::new() })
    }

    /// Runs `work` on the writer's thread, between two commits.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal, &Shared) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let (reply, answer) = oneshot::channel();
        self.shared.enqueue(Job::Run(Box::new(move |journal, shared| {
            // Whoever asked may have gone away; then nobody minds.
            let _ = reply.send(work(journal, shared));
        })))?;
        answer.await.or(Err(writer::closed()))?.map_err(writer::unavailable)
    }

    /// Reads from the file what is not in memory any more.
    async fn load(&self, claimed: Vec<Claimed>) -> Result<Vec<Delivery>, InboxError> {
        let missing: Vec<(UpdateId, bool)> = claimed
            .iter()
            .filter(|claimed| claimed.fresh.is_none())
            .map(|claimed| (claimed.lease.update_id, claimed.deaths.is_some()))
            .collect();
        let mut kept =
            if missing.is_empty() { Vec::new() } else { self.run(move |journal, _| journal.load(&missing)).await? }
                .into_iter();
        let mut deliveries = Vec::with_capacity(claimed.len());
        for Claimed { lease, fresh, deaths } in claimed {
            let deaths = deaths.unwrap_or(0);
            match fresh {
                Some(update) => {
                    deliveries.push(Delivery {
                        update: *update,
                        attempt: 1,
                        lease,
                        calls_left: None,
                        crash_count: deaths,
                    });
                }
                None => match kept.next().flatten() {
                    Some(Ok(kept)) => deliveries.push(Delivery {
                        update: kept.update,
                        attempt: kept.attempts + 1,
                        lease,
                        calls_left: kept.calls_left,
                        crash_count: deaths,
                    }),
                    // One row that cannot be read harms no other.
                    Some(Err(reason)) => {
                        tracing::error!(
                            update.id = lease.update_id.0,
                            reason,
                            "update given up; `doorbell dead list` shows it"
                        );
                        self.settle(lease, Verdict::Dead { reason }).await?;
                    }
                    // Somebody took it out of the file behind our back: there is nothing to do.
                    None => self.shared.order.lanes().settle(lease, super::lanes::Move::Gone),
                },
            }
        }
        Ok(deliveries)
    }
}

#[async_trait]
impl Inbox for SqliteInbox {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        fail::point("received");
        let (reply, answer) = oneshot::channel();
        self.shared.enqueue(Job::Accept { update, reply })?;
        let accepted = answer.await.or(Err(writer::closed()))?.outcome();
        fail::point("acknowledged");
        accepted
    }

    async fn ready(&self) {
        self.shared.order.ready(&*self.clock).await;
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, InboxError> {
        let now = self.clock.steady();
        let claimed = self.shared.order.lanes().claim(now, later(now, LEASE), limit);
        let leases: Vec<Lease> = claimed.iter().map(|claimed| claimed.lease).collect();
        self.load(claimed).await.inspect_err(|_| {
            let mut lanes = self.shared.order.lanes();
            for lease in leases {
                lanes.release(lease);
            }
        })
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        {
            let mut lanes = self.shared.order.lanes();
            if verdict == Verdict::Released {
                let released = lanes.release(lease);
                drop(lanes);
                self.shared.order.changed();
                return if released { Ok(()) } else { Err(InboxError::LeaseLost(lease)) };
            }
            if !lanes.begin_settling(lease) {
                return Err(InboxError::LeaseLost(lease));
            }
        }
        let (reply, answer) = oneshot::channel();
        self.shared.enqueue(Job::Settle { lease, verdict, reply })?;
        answer.await.or(Err(writer::closed()))?.outcome()
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        let until = later(self.clock.steady(), LEASE);
        let mut lanes = self.shared.order.lanes();
        for lease in leases {
            lanes.extend(*lease, until);
        }
        Ok(())
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        let dead = self.run(|journal, shared| {
            if shared.failing.load(Ordering::Relaxed) {
                journal.try_to_write()?;
                shared.failing.store(false, Ordering::Relaxed);
            }
            journal.count_dead()
        });
        let dead = dead.await?;
        let lanes = self.shared.order.lanes();
        let (open, held) = (lanes.open() as u64, lanes.held() as u64);
        let full = open + dead >= self.settings.capacity as u64;
        Ok(Survey { waiting: open - held, held, dead, full, oldest: lanes.oldest() })
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        let which = which.clone();
        self.run(move |journal, _| journal.list_dead(&which, limit)).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let which = which.clone();
        let revived = self.run(move |journal, _| journal.revive(&which)).await?;
        let now = self.clock.steady();
        let taken_up = self.run(move |journal, shared| {
            if journal.is_owner() && journal.take_up(&mut shared.order.lanes(), now)? {
                shared.order.changed();
            }
            Ok(())
        });
        if let Err(error) = taken_up.await {
            // They are revived all the same: the writer tries this again within a second.
            tracing::warn!(error = %crate::telemetry::chain(&error), "revived updates could not be lined up; trying again");
        }
        Ok(revived)
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        let (which, now) = (which.clone(), self.clock.steady());
        self.run(move |journal, _| journal.discard(&which, now)).await
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        let now = self.clock.steady();
        let lapsed = self.shared.order.lanes().lapse(now);
        self.shared.counts.leases_lapsed.inc_by(lapsed as u64);
        if lapsed > 0 {
            self.shared.order.changed();
        }
        let before = earlier(now, self.settings.keep_done);
        self.run(|journal, _| journal.erase()).await?;
        let forget = |from| self.run(move |journal, _| journal.forget(from, before, SWEEP_STEP));
        self.sweeping.sweep(SWEEP_STEPS, forget).await
    }
}

impl Drop for SqliteInbox {
    /// Waits for the writer: what was asked of it is done, and the file is free.
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // A writer that panicked has said so; there is nothing left to wait for.
            let _ = writer.join();
        }
    }
}
