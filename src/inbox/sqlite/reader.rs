//! Reads the file for the operator's pages. The reads have a connection of their own, so the writer never waits for one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::super::error::InboxError;

/// The connection's page cache, in KiB (a negative number means KiB). The operating system caches the file too.
const CACHE: i64 = -1_024;

/// A connection that only reads, opened with the first read. One read runs at a time.
pub(super) struct Reader {
    path: PathBuf,
    connection: Arc<Mutex<Option<Connection>>>,
    tasks: TaskTracker,
}

impl Reader {
    pub(super) fn new(path: &Path, tasks: TaskTracker) -> Self {
        Self { path: path.to_owned(), connection: Arc::default(), tasks }
    }

    /// Runs `work` on a thread that may block. It sees one state of the file.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, InboxError> {
        let mut connection = Arc::clone(&self.connection).lock_owned().await;
        let path = self.path.clone();
        let reading = self.tasks.spawn_blocking(move || {
            // After an error the next read opens the file again.
            let opened = connection.take().map_or_else(|| open(&path), Ok)?;
            let found = work(&opened.unchecked_transaction()?)?;
            *connection = Some(opened);
            Ok(found)
        });
        match reading.await {
            Ok(found) => found.map_err(|error: rusqlite::Error| InboxError::Unavailable(Arc::new(error))),
            Err(panicked) => Err(InboxError::Unavailable(Arc::new(panicked))),
        }
    }

    /// Closes the connection, so that the writer's is the last one: it then removes the write-ahead log.
    pub(super) fn close(&self) {
        if let Ok(mut connection) = self.connection.try_lock() {
            *connection = None;
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.pragma_update(None, "cache_size", CACHE)?;
    Ok(connection)
}
