//! Records how attempts ended, a batch at a time.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::Row;
use tokio::sync::oneshot;

use super::super::millis::span_millis;
use super::super::{Counts, InboxError, Lease, Verdict};
use super::batch::{self, Batches, Worker};
use super::claim::Faulty;
use super::line::Line;
use super::link::Link;
use super::listen::Bell;
use super::{text, unreadable};
use crate::clock::elapsed;
use crate::telemetry::Label;
use crate::update::UpdateId;

/// An attempt that ended, and whoever made it.
pub(super) struct Ended {
    id: UpdateId,
    chat_key: String,
    token: i64,
    entry: Entry,
    /// Told whether the lease still stood.
    reply: oneshot::Sender<Result<bool, InboxError>>,
}

/// A verdict as the database takes it.
struct Entry {
    verdict: &'static str,
    /// How long it waits, from now on: the clock of the database may go differently.
    delay: Duration,
    reason: Option<String>,
    calls: Option<String>,
}

/// What settles.
pub(super) struct Settling {
    batches: Batches<Ended>,
    line: Line,
    link: Arc<Link>,
    bell: Arc<Bell>,
    slot: i32,
    dead: Arc<AtomicU64>,
    counts: Arc<Counts>,
}

impl Settling {
    pub(super) fn new(
        link: &Arc<Link>,
        bell: &Arc<Bell>,
        slot: i32,
        dead: &Arc<AtomicU64>,
        counts: Arc<Counts>,
    ) -> Arc<Self> {
        Arc::new(Self {
            batches: Batches::default(),
            line: Line::new(link),
            link: Arc::clone(link),
            bell: Arc::clone(bell),
            slot,
            dead: Arc::clone(dead),
            counts,
        })
    }

    /// Returns once the verdict is durable, or was refused.
    ///
    /// When the connection breaks during the commit nobody can say whether it was recorded. It is an
    /// error then; settled again, it is done or the lease is lost, and both are well.
    pub(super) async fn settle(self: &Arc<Self>, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        let stood = self.end(lease.update_id, lease.chat_key.to_string(), lease.token, verdict).await?;
        if stood { Ok(()) } else { Err(InboxError::LeaseLost(lease)) }
    }

    /// Sets an update aside that was claimed and cannot be read.
    pub(super) async fn set_aside(self: &Arc<Self>, faulty: Faulty) -> Result<(), InboxError> {
        let reason = "its row in the inbox cannot be read: something else has written to the table".to_owned();
        let Faulty { id, chat_key, token } = faulty;
        tracing::error!(update.id = id.0, reason, "update given up; `doorbell dead list` shows it");
        self.end(id, chat_key, token, Verdict::Dead { reason }).await.map(drop)
    }

    async fn end(
        self: &Arc<Self>,
        id: UpdateId,
        chat_key: String,
        token: i64,
        verdict: Verdict,
    ) -> Result<bool, InboxError> {
        let (reply, answer) = oneshot::channel();
        batch::add(self, Ended { id, chat_key, token, entry: self.entry(&verdict), reply }, &self.link.shutdown);
        let given_up = || InboxError::Unavailable(Arc::new(std::io::Error::other("the batch was given up")));
        answer.await.unwrap_or_else(|_| Err(given_up()))
    }

    fn entry(&self, verdict: &Verdict) -> Entry {
        let now = self.link.clock.steady();
        Entry {
            verdict: verdict.kind().name(),
            delay: verdict.retry_at().map(|at| elapsed(now, at)).unwrap_or_default(),
            reason: verdict.reason().map(text),
            calls: verdict.calls_json(),
        }
    }

    /// Records what has one verdict for each token; says which tokens still stood.
    async fn record(&self, ended: &[&Ended]) -> Result<HashSet<i64>, InboxError> {
        fn column<T>(ended: &[&Ended], of: impl Fn(&Ended) -> T) -> Vec<T> {
            ended.iter().map(|one| of(one)).collect()
        }
        let settle = sqlx::query("SELECT settle_2($1, $2, $3, $4, $5, $6, $7, $8)")
            .bind(column(ended, |ended| ended.chat_key.clone()))
            .bind(column(ended, |ended| ended.token))
            .bind(column(ended, |ended| ended.id.0))
            .bind(column(ended, |ended| ended.entry.verdict))
            .bind(column(ended, |ended| span_millis(ended.entry.delay)))
            .bind(column(ended, |ended| ended.entry.reason.clone()))
            .bind(column(ended, |ended| ended.entry.calls.clone()))
            .bind(self.slot);
        let rows = self.line.run(settle).await?;
        let row = rows.first().ok_or_else(|| unreadable(sqlx::Error::RowNotFound))?;
        let settled: Option<Vec<i64>> = row.try_get(0).map_err(unreadable)?;
        Ok(settled.unwrap_or_default().into_iter().collect())
    }
}

impl Worker for Settling {
    type Job = Ended;

    fn batches(&self) -> &Batches<Ended> {
        &self.batches
    }

    fn weight(ended: &Ended) -> usize {
        ended.entry.calls.as_ref().map_or(0, String::len) + ended.entry.reason.as_ref().map_or(0, String::len)
    }

    async fn work_off(&self, batch: Vec<Ended>) {
        // An attempt is settled once: whoever comes second with the same token has lost it.
        let mut tokens = HashSet::new();
        let ones: Vec<&Ended> = batch.iter().filter(|ended| tokens.insert(ended.token)).collect();
        let (updates, begun) = (ones.len(), self.link.clock.steady());
        let settled = self.record(&ones).await;
        self.counts.record_commit(updates, elapsed(begun, self.link.clock.steady()), settled.is_ok());
        match settled {
            Ok(mut settled) => {
                // What waited behind them may be due.
                self.bell.ring();
                for Ended { token, entry, reply, .. } in batch {
                    let stood = settled.remove(&token);
                    if stood && entry.verdict == "dead" {
                        self.dead.fetch_add(1, Ordering::Relaxed);
                    }
                    // Whoever has gone away does not mind.
                    let _ = reply.send(Ok(stood));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for ended in batch {
                    let _ = ended.reply.send(Err(InboxError::Unavailable(error.clone())));
                }
            }
        }
    }
}
