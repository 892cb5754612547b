use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::connection::serve_connection;
use super::connection_id::{ConnectionId, Peer};
use super::counts::{Closed, Counts};
use super::limits::Limits;
use super::progress::{Progress, Shared};
use crate::http::layers::LayeredRoutes;

/// The open connections, never more than the limit. At the limit, a new connection evicts another one; it is closed
/// itself only when all others are being answered.
pub(super) struct Connections {
    limits: Limits,
    counts: Arc<Counts>,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    last_id: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    progress: Arc<Progress>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(limits: Limits, counts: Arc<Counts>) -> Self {
        Self { limits, counts, shared: Arc::default(), tasks: TaskTracker::new(), table: Arc::default() }
    }

    /// Serves a new connection.
    pub(super) fn add(&self, stream: TcpStream, peer: Peer, opened: Timestamp, routes: LayeredRoutes) {
        let progress = Arc::new(Progress::new(Arc::clone(&self.shared)));
        let mut table = self.table.lock();
        self.counts.opened.inc();
        if table.open.len() >= self.limits.connections {
            let evicted = table.evict();
            self.counts.closed.of(if evicted { Closed::Room } else { Closed::Full }).inc();
            if !evicted {
                return;
            }
        }
        table.last_id += 1;
        let id = table.last_id;
        let guard = TableGuard { id, table: Arc::clone(&self.table), counts: Arc::clone(&self.counts) };
        let connection = ConnectionId { number: id, opened };
        let serving = serve_connection(stream, routes, Arc::clone(&progress), (connection, peer), self.limits);
        // The task may end at once. It removes its entry only after the entry exists, because the table is locked.
        let task = self.tasks.spawn(async move {
            let _guard = guard;
            serving.await;
        });
        table.open.insert(id, Open { progress, task: task.abort_handle() });
    }

    /// Counts a tick, and closes each connection that has missed a deadline.
    pub(super) fn close_overdue(&self) {
        self.shared.ticks.fetch_add(1, Ordering::Relaxed);
        let mut closed = 0;
        self.table.lock().open.retain(|_, open| {
            let overdue = open.progress.overdue(&self.limits);
            if let Some(reason) = overdue {
                self.counts.closed.of(reason).inc();
                open.task.abort();
                closed += 1;
            }
            overdue.is_none()
        });
        if closed > 0 {
            tracing::debug!(connections = closed, "closed connections that were too slow or idle");
        }
    }

    /// Makes the next response of each connection its last one, with `Connection: close`.
    pub(super) fn announce_end(&self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
    }

    /// Ends each connection after its current request, and an idle one at once.
    pub(super) fn begin_shutdown(&self) {
        self.tasks.close();
        self.shared.closing.cancel();
    }

    /// Returns when every connection has ended, after [`Connections::begin_shutdown`].
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Ends every connection now.
    pub(super) fn abort(&self) {
        self.table.lock().open.values().for_each(|open| open.task.abort());
    }
}

impl Table {
    /// Closes the connection with the lowest rank for eviction. Returns false when each is being answered.
    fn evict(&mut self) -> bool {
        let ranks = self.open.iter().filter_map(|(id, open)| Some((open.progress.eviction_rank()?, *id)));
        let Some((_, id)) = ranks.min() else { return false };
        if let Some(open) = self.open.remove(&id) {
            open.task.abort();
        }
        true
    }
}

/// Removes a connection from the table when its task ends, also by a panic or an abort.
struct TableGuard {
    id: u64,
    table: Arc<Mutex<Table>>,
    counts: Arc<Counts>,
}

impl Drop for TableGuard {
    fn drop(&mut self) {
        if self.table.lock().open.remove(&self.id).is_some() {
            self.counts.closed.of(Closed::Ended).inc();
        }
    }
}
