//! The operator's operations on dead-letter updates.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;

use super::connection::Connection;
use super::row::record;
use super::sql::{one_value, text, unreadable};
use crate::inbox::error::InboxError;
use crate::inbox::millis::unix_millis;
use crate::inbox::record::{Record, Selection};
use crate::update::UpdateId;

/// The most updates that one statement changes, so that it does not lock many chats for long.
const CHUNK: usize = 1_000;

const LIST: &str = "
    SELECT u.id, u.kind, u.chat_key, u.received_at, u.attempts, u.reason, u.body, u.calls_left, u.expires_at
    FROM dead d JOIN updates u ON u.id = d.id
    WHERE ($1 IS NULL OR d.id = ANY ($1)) AND ($2 IS NULL OR u.reason = $2) ORDER BY u.seq LIMIT $3";

const IDS: &str = "
    SELECT d.id FROM dead d JOIN updates u ON u.id = d.id
    WHERE ($1 IS NULL OR d.id = ANY ($1)) AND ($2 IS NULL OR u.reason = $2) ORDER BY u.seq";

/// A statement for a selection, with its ids and its reason; `None` means any.
fn select(statement: &'static str, selection: &Selection) -> Query<'static, Postgres, PgArguments> {
    let (ids, reason): (Option<Vec<i64>>, _) = match selection {
        Selection::All => (None, None),
        Selection::Ids(ids) => (Some(ids.iter().map(|id| id.0).collect()), None),
        Selection::Reason(reason) => (None, Some(text(reason))),
    };
    sqlx::query(statement).bind(ids).bind(reason)
}

/// The oldest dead-letter updates of a selection.
pub(super) async fn list(
    connection: &Connection,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<Record>, InboxError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = connection.run(select(LIST, selection).bind(limit)).await?;
    rows.iter().map(record).collect::<Result<_, _>>().map_err(unreadable)
}

/// Puts the updates that are dead now back to waiting, but not those that fail again meanwhile. Returns their ids.
pub(super) async fn revive(
    connection: &Connection,
    selection: &Selection,
    now: Timestamp,
    slot: i32,
) -> Result<Vec<UpdateId>, InboxError> {
    let revive = || sqlx::query("SELECT revive_4($1, $2, $3)");
    in_chunks(connection, selection, |ids| revive().bind(ids).bind(unix_millis(now)).bind(slot)).await
}

/// Erases dead-letter updates; only their ids stay. Returns the ids.
pub(super) async fn discard(connection: &Connection, selection: &Selection) -> Result<Vec<UpdateId>, InboxError> {
    in_chunks(connection, selection, |ids| sqlx::query("SELECT discard_2($1)").bind(ids)).await
}

/// Reads the ids of the selection, and runs the query for some of them at a time. Returns the ids that were still dead
/// when their query ran.
async fn in_chunks(
    connection: &Connection,
    selection: &Selection,
    query: impl Fn(Vec<i64>) -> Query<'static, Postgres, PgArguments>,
) -> Result<Vec<UpdateId>, InboxError> {
    let rows = connection.run(select(IDS, selection)).await?;
    let dead: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(unreadable)?;
    let mut changed = Vec::new();
    for chunk in dead.chunks(CHUNK) {
        let rows = connection.run(query(chunk.to_vec())).await?;
        let ids: Option<Vec<i64>> = one_value(&rows)?;
        changed.extend(ids.unwrap_or_default().into_iter().map(UpdateId));
    }
    Ok(changed)
}
