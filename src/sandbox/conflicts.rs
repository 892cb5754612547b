//! `getUpdates`: here so that a polling copy of a bot meets the same conflicts as at Telegram
//! (`Client.cpp`: `process_get_updates_query`, `abort_long_poll`, `fail_query_conflict`).

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::Shared;
use super::reply::{Params, Reply};
use super::world::World;
use crate::clock;

const ACTIVE: &str =
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const OTHER: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

/// Conflicts that follow one another within this time are answered after it.
const APART: Duration = Duration::from_secs(3);

/// An answer, and how long it is held back.
pub(super) type Conflict = (Reply, Duration);

/// What is known of those who poll.
#[derive(Debug)]
pub(super) struct Polling {
    /// Ends the request that waits for an update.
    waiting: Option<oneshot::Sender<Conflict>>,
    next_conflict_at: Timestamp,
    last_offset: i64,
    last_start: Timestamp,
}

impl Default for Polling {
    fn default() -> Self {
        Self { waiting: None, next_conflict_at: Timestamp::MIN, last_offset: 0, last_start: Timestamp::MIN }
    }
}

/// How a `getUpdates` goes on.
#[derive(Debug)]
pub(super) enum Polled {
    Answer(Reply),
    Conflict(Conflict),
    Wait { timeout: Duration, limit: usize, ended: oneshot::Receiver<Conflict> },
}

impl World {
    /// The first conflict is answered at once, those that follow closely are held back.
    pub(super) fn conflict(&mut self, now: Timestamp, description: &str) -> Conflict {
        let reply = Reply::error(409, description);
        if now < self.polling.next_conflict_at {
            return (reply, APART);
        }
        self.polling.next_conflict_at = clock::later(now, APART);
        (reply, Duration::ZERO)
    }

    pub(super) fn end_long_poll(&mut self, now: Timestamp, description: &str) {
        // One that has been answered meanwhile is no conflict.
        if let Some(waiting) = self.polling.waiting.take().filter(|waiting| !waiting.is_closed()) {
            let conflict = self.conflict(now, description);
            waiting.send(conflict).ok();
        }
    }

    pub(super) fn get_updates(&mut self, now: Timestamp, params: &Params) -> Polled {
        if self.hook.is_some() || self.setting.is_some() {
            return Polled::Conflict(self.conflict(now, ACTIVE));
        }
        let offset = params.integer("offset").unwrap_or(0);
        let mut limit = usize::try_from(params.integer("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
        let mut timeout = params.integer("timeout").unwrap_or(0).clamp(0, 50).unsigned_abs();
        self.allow(params);
        let since = clock::elapsed(self.polling.last_start, now);
        if offset == self.polling.last_offset && since < APART {
            timeout = timeout.max(3);
            if since < Duration::from_millis(500) {
                limit = 1;
            }
        }
        (self.polling.last_offset, self.polling.last_start) = (offset, now);
        self.backlog.confirm(offset);
        self.backlog.sweep(now);
        if timeout == 0 || self.backlog.len() > 0 {
            return Polled::Answer(self.updates(limit));
        }
        self.end_long_poll(now, OTHER);
        let (end, ended) = oneshot::channel();
        self.polling.waiting = Some(end);
        Polled::Wait { timeout: Duration::from_secs(timeout), limit, ended }
    }

    fn updates(&self, limit: usize) -> Reply {
        let updates: Vec<Vec<u8>> = self.backlog.first(limit).map(|(id, update)| update.body(id)).collect();
        Reply::raw(&[b"[".as_slice(), &updates.join(b",\n".as_slice()), b"]"].concat())
    }
}

/// Carries out a `getUpdates`, waiting as long as it says.
pub(super) async fn get_updates(shared: &Shared, params: &Params) -> Reply {
    let polled = shared.change(|world, now| world.get_updates(now, params));
    let (timeout, limit, mut ended) = match polled {
        Polled::Answer(reply) => return reply,
        Polled::Conflict(conflict) => return shared.held_back(conflict).await,
        Polled::Wait { timeout, limit, ended } => (timeout, limit, ended),
    };
    let over = shared.clock.sleep(timeout);
    tokio::pin!(over);
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        {
            let world = shared.lock();
            if world.backlog.len() > 0 && world.hook.is_none() && world.setting.is_none() {
                return world.updates(limit);
            }
        }
        tokio::select! {
            biased;
            conflict = &mut ended => return match conflict {
                Ok(conflict) => shared.held_back(conflict).await,
                Err(_) => shared.lock().updates(limit),
            },
            () = &mut over => return shared.lock().updates(limit),
            () = changed => {}
            () = shared.shutdown.soft.cancelled() => return Reply::error(500, "Internal Server Error: restart"),
        }
    }
}

#[cfg(test)]
mod tests;
