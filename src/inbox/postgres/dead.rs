//! What the operator does with dead updates.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;

use super::super::millis::{from_unix_millis, unix_millis};
use super::super::{InboxError, Record, Selection, UpdateState};
use super::line::Line;
use super::{STEP, unreadable};
use crate::update::{Kind, UpdateId};

const LIST: &str = "
    SELECT u.id, u.kind, u.chat_key, u.received_at, u.attempts, u.reason, u.body, u.calls_left
    FROM dead d JOIN updates u ON u.id = d.id
    WHERE $1 IS NULL OR d.id = ANY ($1) ORDER BY u.seq LIMIT $2";

const DEAD: &str = "
    SELECT d.id FROM dead d JOIN updates u ON u.id = d.id WHERE $1 IS NULL OR d.id = ANY ($1) ORDER BY u.seq";

/// The ids that are meant; none means all.
fn ids(which: &Selection) -> Option<Vec<i64>> {
    match which {
        Selection::All => None,
        Selection::Ids(ids) => Some(ids.iter().map(|id| id.0).collect()),
    }
}

pub(super) async fn list(line: &Line, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = line.run(sqlx::query(LIST).bind(ids(which)).bind(limit)).await?;
    rows.iter().map(record).collect::<Result<_, _>>().map_err(unreadable)
}

/// Puts back what is dead when this is asked: not what dies again meanwhile.
pub(super) async fn revive(
    line: &Line,
    which: &Selection,
    now: Timestamp,
    slot: i32,
) -> Result<Vec<UpdateId>, InboxError> {
    let revive = || sqlx::query("SELECT revive_2($1, $2, $3)");
    in_steps(line, which, |ids| revive().bind(ids).bind(unix_millis(now)).bind(slot)).await
}

pub(super) async fn discard(line: &Line, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
    in_steps(line, which, |ids| sqlx::query("SELECT discard_2($1)").bind(ids)).await
}

/// Asks for so many ids at a time; those that were still dead then.
async fn in_steps(
    line: &Line,
    which: &Selection,
    query: impl Fn(Vec<i64>) -> Query<'static, Postgres, PgArguments>,
) -> Result<Vec<UpdateId>, InboxError> {
    let rows = line.run(sqlx::query(DEAD).bind(ids(which))).await?;
    let dead: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(unreadable)?;
    let mut moved = Vec::new();
    for step in dead.chunks(STEP) {
        let rows = line.run(query(step.to_vec())).await?;
        let ids: Option<Vec<i64>> = rows.first().map(|row| row.try_get(0)).transpose().map_err(unreadable)?.flatten();
        moved.extend(ids.unwrap_or_default().into_iter().map(UpdateId));
    }
    Ok(moved)
}

/// As much of a row as can be read.
fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let attempts: i32 = row.try_get(4)?;
    let body: Option<&[u8]> = row.try_get(6)?;
    let calls_left: Option<&str> = row.try_get(7)?;
    Ok(Record {
        id: UpdateId(row.try_get(0)?),
        kind: Kind::named(row.try_get(1)?),
        chat_key: row.try_get(2)?,
        state: UpdateState::Dead,
        received_at: from_unix_millis(row.try_get(3)?),
        attempts: u32::try_from(attempts).unwrap_or(0),
        reason: row.try_get(5)?,
        body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        calls_left: calls_left.and_then(|calls| serde_json::from_str(calls).ok()),
    })
}
