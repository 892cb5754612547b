//! Takes updates in, a batch at a time: one batch of an instance is under way at any moment, so that
//! what was offered first is stored first.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row;
use tokio::sync::oneshot;

use super::super::millis::unix_millis;
use super::super::{Accepted, Counts, InboxError};
use super::batch::{self, Batches, Worker};
use super::line::Line;
use super::link::Link;
use super::listen::Bell;
use super::text;
use crate::clock::{elapsed, later};
use crate::update::{Update, UpdateId};

/// How long an acknowledgement waits for its batch: Telegram offers again what was not acknowledged.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often other instances are told, at most: those that do nothing find work by themselves within
/// a second, and a commit that tells waits for all others that do.
const RING_EVERY: Duration = Duration::from_millis(100);

/// An update that was offered, and whoever offered it.
pub(super) struct Offer {
    update: Update,
    reply: oneshot::Sender<Result<Accepted, InboxError>>,
}

/// What accepts.
pub(super) struct Accepting {
    batches: Batches<Offer>,
    line: Line,
    link: Arc<Link>,
    bell: Arc<Bell>,
    capacity: usize,
    /// How many updates are dead, as far as is known here: they take room too.
    dead: Arc<AtomicU64>,
    slot: i32,
    /// When other instances may be told again.
    ring_from: Mutex<Timestamp>,
    counts: Arc<Counts>,
}

impl Accepting {
    pub(super) fn new(
        link: &Arc<Link>,
        bell: &Arc<Bell>,
        capacity: usize,
        dead: &Arc<AtomicU64>,
        slot: i32,
        counts: Arc<Counts>,
    ) -> Arc<Self> {
        Arc::new(Self {
            batches: Batches::default(),
            line: Line::new(link),
            link: Arc::clone(link),
            bell: Arc::clone(bell),
            capacity,
            dead: Arc::clone(dead),
            slot,
            ring_from: Mutex::new(Timestamp::MIN),
            counts,
        })
    }

    /// Returns once the update is durable or known, or could not be kept.
    pub(super) async fn accept(self: &Arc<Self>, update: Update) -> Result<Accepted, InboxError> {
        let (reply, answer) = oneshot::channel();
        batch::add(self, Offer { update, reply }, &self.link.shutdown);
        tokio::select! {
            answer = answer => answer.unwrap_or_else(|_| Err(failed("the batch was given up"))),
            () = self.link.clock.sleep(PATIENCE) => Err(failed("the database is too slow")),
        }
    }

    /// Stores those of which there is one of each id; says which are new, and which found no room.
    async fn store(&self, offers: &[&Offer]) -> Result<(HashSet<UpdateId>, HashSet<UpdateId>), InboxError> {
        fn column<T>(offers: &[&Offer], of: impl Fn(&Update) -> T) -> Vec<T> {
            offers.iter().map(|offer| of(&offer.update)).collect()
        }
        let room = (self.capacity as u64).saturating_sub(self.dead.load(Ordering::Relaxed));
        let accept = sqlx::query("SELECT stored, refused FROM accept_1($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(column(offers, |update| update.id.0))
            .bind(column(offers, |update| update.chat_key.to_string()))
            .bind(column(offers, |update| text(update.kind.name())))
            .bind(column(offers, |update| unix_millis(update.received_at)))
            .bind(column(offers, |update| unix_millis(update.expires_at)))
            .bind(offers.iter().map(|offer| &offer.update.body[..]).collect::<Vec<_>>())
            .bind(i64::try_from(room).unwrap_or(i64::MAX))
            .bind(self.slot)
            .bind(self.ringer());
        let rows = self.line.run(accept).await?;
        let row = rows.first().ok_or_else(|| super::unreadable(sqlx::Error::RowNotFound))?;
        let ids = |column: usize| {
            let ids: Option<Vec<i64>> = row.try_get(column).map_err(super::unreadable)?;
            Ok(ids.unwrap_or_default().into_iter().map(UpdateId).collect())
        };
        Ok((ids(0)?, ids(1)?))
    }

    /// Our name, when other instances are to be told now.
    fn ringer(&self) -> Option<&str> {
        let now = self.link.clock.steady();
        let mut from = self.ring_from.lock().unwrap_or_else(PoisonError::into_inner);
        (*from <= now).then(|| {
            *from = later(now, RING_EVERY);
            self.bell.name()
        })
    }
}

impl Worker for Accepting {
    type Job = Offer;

    fn batches(&self) -> &Batches<Offer> {
        &self.batches
    }

    fn weight(offer: &Offer) -> usize {
        offer.update.body.len()
    }

    async fn work_off(&self, mut offers: Vec<Offer>) {
        // Whoever has gone away was not acknowledged anything.
        offers.retain(|offer| !offer.reply.is_closed());
        let mut ids = HashSet::new();
        let ones: Vec<&Offer> = offers.iter().filter(|offer| ids.insert(offer.update.id)).collect();
        if ones.is_empty() {
            return;
        }
        let (updates, begun) = (ones.len(), self.link.clock.steady());
        let stored = self.store(&ones).await;
        self.counts.record_commit(updates, elapsed(begun, self.link.clock.steady()), stored.is_ok());
        match stored {
            Ok((mut stored, refused)) => {
                if !stored.is_empty() {
                    self.bell.ring();
                }
                for Offer { update, reply } in offers {
                    let accepted = if stored.remove(&update.id) {
                        Ok(Accepted::Stored)
                    } else if refused.contains(&update.id) {
                        Err(InboxError::Full { capacity: self.capacity })
                    } else {
                        Ok(Accepted::Known)
                    };
                    // A webhook whose client has gone away hears nothing; the update is kept.
                    let _ = reply.send(accepted);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for offer in offers {
                    let _ = offer.reply.send(Err(InboxError::Unavailable(error.clone())));
                }
            }
        }
    }
}

fn failed(why: &str) -> InboxError {
    InboxError::Unavailable(Arc::new(std::io::Error::other(why.to_owned())))
}
