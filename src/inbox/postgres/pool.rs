//! The connections of one instance: opened when they are needed, shared by all that is run, and never more
//! than `inbox.max_connections`.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::clock::{elapsed, later};

/// How long after the server had no connection left it is asked for another one.
const ASK_AGAIN: Duration = Duration::from_secs(30);
/// How long a connection that nobody needs is kept.
const KEPT_IDLE: Duration = Duration::from_mins(1);

/// Connections that are open, and how many more may be.
pub(super) struct Pool {
    state: Mutex<State>,
    freed: Notify,
    /// The most there may be.
    most: usize,
}

struct State {
    /// Those that nobody uses, the last used at the end, each with when that was.
    idle: Vec<(PgConnection, Timestamp)>,
    /// Those in use or being opened, and those that are idle.
    open: usize,
    /// How many there may be now: fewer than the most while the server has no more.
    limit: usize,
    /// When the server is asked for more than that.
    ask_again: Timestamp,
}

/// The right to one connection, and the connection if it is open.
pub(super) struct Place<'a> {
    pool: &'a Pool,
    pub(super) connection: Option<PgConnection>,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        let state = State { idle: Vec::new(), open: 0, limit: most, ask_again: Timestamp::MIN };
        Self { state: Mutex::new(state), freed: Notify::new(), most }
    }

    /// Waits for a connection that is idle, or for the right to open one.
    pub(super) async fn place(&self, now: Timestamp) -> Place<'_> {
        loop {
            let freed = self.freed.notified();
            {
                let mut state = self.lock();
                if let Some((connection, _)) = state.idle.pop() {
                    return Place { pool: self, connection: Some(connection) };
                }
                if state.ask_again <= now {
                    state.limit = self.most;
                }
                if state.open < state.limit {
                    state.open += 1;
                    return Place { pool: self, connection: None };
                }
            }
            freed.await;
        }
    }

    /// The server has no connection left. Where there are some, they have to do for a while: how many those are.
    pub(super) fn make_do(&self, now: Timestamp) -> Option<usize> {
        let mut state = self.lock();
        let others = state.open.checked_sub(1).filter(|others| *others > 0)?;
        (state.limit, state.ask_again) = (others, later(now, ASK_AGAIN));
        Some(others)
    }

    /// Forgets the connections that are idle: the way to the database may have broken.
    pub(super) fn clear(&self) {
        let mut state = self.lock();
        state.open -= state.idle.len();
        let idle = mem::take(&mut state.idle);
        drop(state);
        drop(idle);
        self.freed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// Gives the connection back for the next one; one that has been idle for long, to be closed, if there is one.
    pub(super) fn give_back(mut self, now: Timestamp) -> Option<PgConnection> {
        let connection = self.connection.take()?;
        let mut state = self.pool.lock();
        state.idle.push((connection, now));
        // It counts as open still: this is what dropping the place is told.
        state.open += 1;
        let too_long = state.idle.first().is_some_and(|(_, used)| elapsed(*used, now) > KEPT_IDLE);
        too_long.then(|| {
            state.open -= 1;
            state.idle.remove(0).0
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.pool.lock().open -= 1;
        self.pool.freed.notify_one();
    }
}
