//! What the operator does with dead updates.

use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::{InboxError, Record, Selection, UpdateState};
use super::link::Line;
use super::{STEP, time, unreadable};
use crate::update::{Kind, UpdateId};

const LIST: &str = "
    SELECT u.id, u.kind, u.chat_key, u.received_at, u.attempts, u.reason, u.body, u.calls_left
    FROM dead d JOIN updates u ON u.id = d.id
    WHERE $1 IS NULL OR d.id = ANY ($1) ORDER BY u.seq LIMIT $2";

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

pub(super) async fn revive(line: &Line, which: &Selection, slot: i32) -> Result<Vec<UpdateId>, InboxError> {
    let revive = || sqlx::query("SELECT revive_1($1, $2, $3)").bind(ids(which)).bind(STEP).bind(slot);
    let mut revived = Vec::new();
    loop {
        let rows = line.run(revive()).await?;
        if !taken(&rows, &mut revived)? {
            return Ok(revived);
        }
    }
}

pub(super) async fn discard(line: &Line, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
    let discard = || sqlx::query("SELECT discard_1($1, $2)").bind(ids(which)).bind(STEP);
    let mut discarded = Vec::new();
    loop {
        let rows = line.run(discard()).await?;
        if !taken(&rows, &mut discarded)? {
            return Ok(discarded);
        }
    }
}

/// Adds the ids that a step took; whether there may be more.
fn taken(rows: &[PgRow], all: &mut Vec<UpdateId>) -> Result<bool, InboxError> {
    let ids: Option<Vec<i64>> = rows.first().map(|row| row.try_get(0)).transpose().map_err(unreadable)?.flatten();
    let ids = ids.unwrap_or_default();
    let full = i64::try_from(ids.len()).is_ok_and(|taken| taken == STEP);
    all.extend(ids.into_iter().map(UpdateId));
    Ok(full)
}

fn record(row: &PgRow) -> Result<Record, sqlx::Error> {
    let attempts: i32 = row.try_get(4)?;
    let body: Option<&[u8]> = row.try_get(6)?;
    let calls_left: Option<&str> = row.try_get(7)?;
    let calls_left = calls_left.map(serde_json::from_str).transpose();
    Ok(Record {
        id: UpdateId(row.try_get(0)?),
        kind: Kind::named(row.try_get(1)?),
        chat_key: row.try_get(2)?,
        state: UpdateState::Dead,
        received_at: time(row.try_get(3)?),
        attempts: u32::try_from(attempts).unwrap_or(0),
        reason: row.try_get(5)?,
        body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        calls_left: calls_left.map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
    })
}
