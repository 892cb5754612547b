//! The named values beside the updates.

use sqlx::Row;

use super::connection::Connection;
use super::sql::{text, unreadable};
use crate::inbox::error::InboxError;
use crate::inbox::stored::Stored;

/// The table has at most one row.
const SAVE_TARGET: &str = "
    INSERT INTO target (target) VALUES ($1) ON CONFLICT (is_only) DO UPDATE SET target = excluded.target";
const SAVE: &str = "
    INSERT INTO stored (value, name) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";

pub(super) async fn save(connection: &Connection, which: Stored, value: &str) -> Result<(), InboxError> {
    let save = match which {
        Stored::Target => sqlx::query(SAVE_TARGET).bind(text(value)),
        Stored::Paused => sqlx::query(SAVE).bind(text(value)).bind(which.name()),
    };
    connection.run(save).await.map(drop)
}

pub(super) async fn load(connection: &Connection, which: Stored) -> Result<Option<String>, InboxError> {
    let load = match which {
        Stored::Target => sqlx::query("SELECT target FROM target"),
        Stored::Paused => sqlx::query("SELECT value FROM stored WHERE name = $1").bind(which.name()),
    };
    let rows = connection.run(load).await?;
    rows.first().map(|row| row.try_get(0)).transpose().map_err(unreadable)
}
