use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::connection;
use super::counts::{Closed, Counts};
use super::limits::Limits;
use super::progress::{Common, Progress};

/// Every connection there is. There are never more than the limit, unless all of them are being
/// answered at that moment: then a newcomer is let go.
pub(super) struct Connections {
    limits: Limits,
    all: Arc<Common>,
    tasks: TaskTracker,
    table: Arc<Mutex<Table>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Table {
    taken: u64,
    open: HashMap<u64, Open>,
}

struct Open {
    progress: Arc<Progress>,
    task: AbortHandle,
}

impl Connections {
    pub(super) fn new(limits: Limits, counts: Arc<Counts>) -> Self {
        Self { limits, all: Arc::default(), tasks: TaskTracker::new(), table: Arc::default(), counts }
    }

    /// Serves a connection, and makes room for it if need be.
    pub(super) fn take(&self, stream: TcpStream, router: Router) {
        let progress = Arc::new(Progress::new(Arc::clone(&self.all)));
        let mut table = lock(&self.table);
        self.counts.opened.inc();
        if table.open.len() >= self.limits.connections {
            let made = table.make_room();
            self.counts.closed.of(if made { Closed::Room } else { Closed::Full }).inc();
            if !made {
                return;
            }
        }
        table.taken += 1;
        let number = table.taken;
        let place = Place { number, table: Arc::clone(&self.table), counts: Arc::clone(&self.counts) };
        let conversation = connection::converse(stream, router, Arc::clone(&progress));
        // It may end at once, but leaves its place only after it was given one: the table is locked.
        let task = self.tasks.spawn(async move {
            let _place = place;
            conversation.await;
        });
        table.open.insert(number, Open { progress, task: task.abort_handle() });
    }

    /// A tick has passed: whoever has overstayed is put out.
    pub(super) fn look_over(&self) {
        self.all.ticks.fetch_add(1, Ordering::Relaxed);
        let mut put_out = 0;
        lock(&self.table).open.retain(|_, open| {
            let overstayed = open.progress.overstayed(&self.limits);
            if let Some(what) = overstayed {
                self.counts.closed.of(what).inc();
                open.task.abort();
                put_out += 1;
            }
            overstayed.is_none()
        });
        if put_out > 0 {
            tracing::debug!(connections = put_out, "closed what was too slow or idle");
        }
    }

    /// From now on, the next answer of each connection is its last one, and says so.
    pub(super) fn announce_end(&self) {
        self.all.stopping.store(true, Ordering::Relaxed);
    }

    /// Each connection ends after what it is doing, and an idle one at once.
    pub(super) fn say_goodbye(&self) {
        self.tasks.close();
        lock(&self.table).open.values().for_each(|open| open.progress.ask_to_leave());
    }

    /// Returns when every connection has ended, after [`Connections::say_goodbye`].
    pub(super) async fn ended(&self) {
        self.tasks.wait().await;
    }

    /// Ends every connection now.
    pub(super) fn cut(&self) {
        lock(&self.table).open.values().for_each(|open| open.task.abort());
    }
}

impl Table {
    /// Puts out the connection with which the least is lost; false when each is being answered.
    fn make_room(&mut self) -> bool {
        let worth = self.open.iter().filter_map(|(number, open)| Some((open.progress.worth()?, *number)));
        let Some((_, number)) = worth.min() else { return false };
        if let Some(open) = self.open.remove(&number) {
            open.task.abort();
        }
        true
    }
}

/// A connection's place in the table, given back when it ends in whatever way.
struct Place {
    number: u64,
    table: Arc<Mutex<Table>>,
    counts: Arc<Counts>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if lock(&self.table).open.remove(&self.number).is_some() {
            self.counts.closed.of(Closed::Ended).inc();
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
