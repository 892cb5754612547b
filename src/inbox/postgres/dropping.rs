//! Drops the updates that wait.

use sqlx::Row;

use super::connection::Connection;
use super::sql::{one_row, one_value, unreadable};
use crate::inbox::error::InboxError;

/// The chats that one statement locks.
const CHATS: i64 = 200;

/// Drops the updates that wait now, some chats at a time, and returns their number. Updates that are accepted later have
/// higher numbers than the one that is drawn first, and stay.
pub(super) async fn drop_waiting(connection: &Connection, slot: i32) -> Result<u64, InboxError> {
    let rows = connection.run(sqlx::query("SELECT nextval('batches') << 20")).await?;
    let before: i64 = one_value(&rows)?;
    let (mut dropped, mut from) = (0, String::new());
    loop {
        let step = sqlx::query("SELECT last, dropped FROM drop_waiting_2($1, $2, $3, $4)");
        let rows = connection.run(step.bind(before).bind(from.clone()).bind(CHATS).bind(slot)).await?;
        let row = one_row(&rows)?;
        let (last, number): (Option<String>, i64) =
            (row.try_get(0).map_err(unreadable)?, row.try_get(1).map_err(unreadable)?);
        dropped += number.unsigned_abs();
        match last {
            Some(last) => from = last,
            None => return Ok(dropped),
        }
    }
}
