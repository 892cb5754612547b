//! The named values beside the updates: columns of the one row of `service`.

use super::super::super::stored::Stored;
use super::Store;

impl Store {
    /// Stores a named value. The write is durable when this returns.
    pub(in crate::inbox::sqlite) fn save_value(&self, which: Stored, value: &str) -> rusqlite::Result<()> {
        self.connection.execute(&format!("UPDATE service SET {} = ?1", which.name()), [value]).map(drop)
    }

    /// The named value that was stored last.
    pub(in crate::inbox::sqlite) fn load_value(&self, which: Stored) -> rusqlite::Result<Option<String>> {
        self.connection.query_row(&format!("SELECT {} FROM service", which.name()), [], |row| row.get(0))
    }
}
