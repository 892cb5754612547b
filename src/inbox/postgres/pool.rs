//! The connections of one instance: opened when they are needed, shared by all statements, and never more than
//! `inbox.max_connections`.
//!
//! The pool of `sqlx` is not used: it fails when the server has no connection left, and this one goes on with those that
//! are open.

use std::mem;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::clock::{elapsed, later};

/// The time before more connections are requested from a server that had none left.
const REDUCED_FOR: Duration = Duration::from_secs(30);
/// The time after which an idle connection is closed.
const IDLE_LIMIT: Duration = Duration::from_mins(1);

/// The connections that are open, and the limit of their number.
pub(super) struct Pool {
    state: Mutex<State>,
    freed: Notify,
    max: usize,
}

struct State {
    /// Idle connections with the time of their last use; the last used is at the end.
    idle: Vec<(PgConnection, Timestamp)>,
    /// Connections that are in use or being opened.
    in_use: usize,
    /// The present limit: below `max` while the server has no more connections.
    limit: usize,
    /// When the limit returns to `max`.
    reduced_until: Timestamp,
}

/// The right to have one connection open.
pub(super) struct Permit<'a>(&'a Pool);

/// An open connection. One that is dropped is closed; [`Pool::release`] keeps it for the next user.
pub(super) struct PooledConnection<'a> {
    pub(super) connection: PgConnection,
    /// Whether it was used before. It may have broken while it was idle.
    pub(super) reused: bool,
    pub(super) _permit: Permit<'a>,
}

impl Pool {
    pub(super) fn new(max: usize) -> Self {
        let state = State { idle: Vec::new(), in_use: 0, limit: max, reduced_until: Timestamp::MIN };
        Self { state: Mutex::new(state), freed: Notify::new(), max }
    }

    /// Waits for an idle connection, or for the right to open one.
    pub(super) async fn acquire(&self, now: Timestamp) -> (Permit<'_>, Option<PgConnection>) {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.state.lock();
                if state.reduced_until <= now {
                    state.limit = self.max;
                }
                let idle = state.idle.pop().map(|(connection, _)| connection);
                if idle.is_some() || state.in_use < state.limit {
                    state.in_use += 1;
                    return (Permit(self), idle);
                }
            }
            freed.await;
        }
    }

    /// Keeps a connection for the next user. Returns one that was idle for too long, if there is one; the caller closes
    /// it.
    pub(super) fn release(&self, pooled: PooledConnection<'_>, now: Timestamp) -> Option<PgConnection> {
        let mut state = self.state.lock();
        state.idle.push((pooled.connection, now));
        let is_overdue = state.idle.first().is_some_and(|(_, used)| elapsed(*used, now) > IDLE_LIMIT);
        is_overdue.then(|| state.idle.remove(0).0)
    }

    /// Reduces the limit to the other connections for a while, because the server refused the one for which the caller
    /// has a permit. Returns their number; `None` if there are no others.
    pub(super) fn reduce(&self, now: Timestamp) -> Option<usize> {
        let mut state = self.state.lock();
        let others = (state.in_use + state.idle.len()).checked_sub(1).filter(|others| *others > 0)?;
        (state.limit, state.reduced_until) = (others, later(now, REDUCED_FOR));
        Some(others)
    }

    /// Drops the idle connections, which may be broken.
    pub(super) fn clear(&self) {
        let idle = mem::take(&mut self.state.lock().idle);
        drop(idle);
        self.freed.notify_waiters();
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state.lock().in_use -= 1;
        self.0.freed.notify_one();
    }
}
