//! What the operator's pages read from the database. The reads take turns with everything else that no update waits for,
//! each within the time limit of [`Connection::read`](super::connection::Connection::read).

use async_trait::async_trait;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::pages::{Plan, outline};
use super::sql::{one_row, one_value, unreadable};
use super::store::PostgresInbox;
use crate::inbox::browse::{Browse, Cursor, DeadGroup, Filter, HeldBack, Page, Search, StateCounts};
use crate::inbox::error::InboxError;
use crate::inbox::millis::from_unix_millis;
use crate::inbox::record::{Record, UpdateState};
use crate::update::{Kind, UpdateId};

/// The most known updates among which those that ended are counted.
const COUNTED: i64 = 10_000;
/// The chats that have been ready for longest, among which those held back are searched.
const READY_CHATS: i64 = 1_000;
/// The chats that are claimed or wait for an attempt, among which those held back are searched.
const LATER_CHATS: i64 = 5_000;

const CONTENT: &str = "SELECT body, calls_left FROM updates WHERE id = $1";
const COUNT_OPEN: &str = "SELECT coalesce(sum(open), 0)::bigint FROM tally";
const COUNTS: &str = "
    SELECT (SELECT coalesce(sum(t.open), 0)::bigint FROM tally t),
        (SELECT count(*) FROM chats c WHERE c.due_at > statement_timestamp() AND c.token <> 0),
        (SELECT count(*) FROM dead d),
        count(*), count(*) FILTER (WHERE u.state = 2), count(*) FILTER (WHERE u.state = 3)
    FROM (SELECT state FROM updates LIMIT $1) u";
const GROUPS: &str = "
    SELECT coalesce(u.reason, ''), count(*), min(u.received_at), max(u.received_at), max(u.id)
    FROM dead d JOIN updates u ON u.id = d.id
    GROUP BY u.reason ORDER BY count(*) DESC, u.reason LIMIT $1";
const HELD_BACK: &str = "
    WITH searched AS (
        (SELECT chat_key, front, tail, due_at, token FROM chats WHERE due_at <= statement_timestamp()
            ORDER BY due_at LIMIT $1)
        UNION ALL
        (SELECT chat_key, front, tail, due_at, token FROM chats WHERE due_at > statement_timestamp()
            ORDER BY due_at LIMIT $2)
    ), heads AS (
        SELECT s.chat_key, s.front, u.id, u.kind, u.received_at, u.attempts, u.reason,
            s.due_at > statement_timestamp() AND s.token <> 0 AS is_held,
            CASE WHEN s.due_at > statement_timestamp() AND s.token = 0
                THEN (extract(epoch FROM s.due_at) * 1000)::bigint END AS due_at
        FROM searched s JOIN updates u ON u.chat_key = s.chat_key AND u.seq = s.front
        WHERE s.front <> s.tail OR u.reason IS NOT NULL
        ORDER BY u.received_at, u.id LIMIT $3
    )
    SELECT h.chat_key, h.id, h.kind, h.received_at, h.attempts, h.reason, h.is_held, h.due_at,
        (SELECT count(*) FROM (
            SELECT FROM updates n WHERE n.chat_key = h.chat_key AND n.seq >= h.front AND n.state = 0 LIMIT 1000) n)
    FROM heads h ORDER BY h.received_at, h.id";

#[async_trait]
impl Browse for PostgresInbox {
    async fn page(&self, filter: &Filter, before: Option<Cursor>, limit: usize) -> Result<Page, InboxError> {
        self.database.check_available()?;
        let limit = limit.max(1);
        let Some(highest) = Cursor::highest(before) else { return Ok(Search::new(limit).page()) };
        let open = || async { one_value(&self.background.read(sqlx::query(COUNT_OPEN)).await?) };
        let plan = Plan::of(filter, open).await?;
        let rows = self.background.read(plan.rows(filter, highest, limit)).await?;
        let read = |row: &PgRow| Ok((plan.position(row)?, outline(row)?));
        let mut found: Vec<(i64, Record)> = rows.iter().map(read).collect::<Result<_, _>>().map_err(unreadable)?;
        let has_more = found.len() > limit;
        found.truncate(limit);
        let (next, scanned_all) = if has_more {
            (found.last().map(|(position, _)| Cursor(*position)), true)
        } else if let Some(end) = plan.end(filter, highest) {
            let end = Plan::end_of_scan(one_row(&self.background.read(end).await?)?).map_err(unreadable)?;
            (end, end.is_none() || found.len() == limit)
        } else {
            (None, true)
        };
        Ok(Page { records: found.into_iter().map(|(_, record)| record).collect(), next, scanned_all })
    }

    async fn find(&self, id: UpdateId) -> Result<Option<Record>, InboxError> {
        self.database.check_available()?;
        let rows = self.background.read(Plan::one(id)).await?;
        let Some(found) = rows.first().map(outline).transpose().map_err(unreadable)? else { return Ok(None) };
        let rows = self.background.read(sqlx::query(CONTENT).bind(id.0)).await?;
        let Some(row) = rows.first() else { return Ok(Some(found)) };
        let content = || Ok((row.try_get::<Option<&[u8]>, _>(0)?, row.try_get::<Option<&str>, _>(1)?));
        let (body, calls) = content().map_err(unreadable)?;
        Ok(Some(Record {
            body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
            calls_left: calls.and_then(|calls| serde_json::from_str(calls).ok()),
            ..found
        }))
    }

    async fn count_by_state(&self) -> Result<StateCounts, InboxError> {
        self.database.check_available()?;
        let rows = self.background.read(sqlx::query(COUNTS).bind(COUNTED + 1)).await?;
        let row = one_row(&rows)?;
        let count = |column: usize| row.try_get(column).map(|number: i64| u64::try_from(number).unwrap_or(0));
        let read = || {
            let (open, held, known) = (count(0)?, count(1)?, count(3)?);
            let counted = |number| (known <= COUNTED.cast_unsigned()).then_some(number);
            Ok(StateCounts {
                waiting: open.saturating_sub(held),
                held,
                dead: count(2)?,
                done: counted(count(4)?),
                expired: counted(count(5)?),
            })
        };
        read().map_err(unreadable)
    }

    async fn held_back(&self, limit: usize) -> Result<Vec<HeldBack>, InboxError> {
        self.database.check_available()?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(HELD_BACK).bind(READY_CHATS).bind(LATER_CHATS).bind(limit);
        let rows = self.background.read(query).await?;
        rows.iter().map(held_back).collect::<Result<_, _>>().map_err(unreadable)
    }

    async fn dead_by_reason(&self, limit: usize) -> Result<Vec<DeadGroup>, InboxError> {
        self.database.check_available()?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.background.read(sqlx::query(GROUPS).bind(limit)).await?;
        rows.iter().map(group).collect::<Result<_, _>>().map_err(unreadable)
    }
}

fn held_back(row: &PgRow) -> Result<HeldBack, sqlx::Error> {
    let (attempts, waiting): (i32, i64) = (row.try_get(4)?, row.try_get(8)?);
    let (is_held, due_at): (bool, Option<i64>) = (row.try_get(6)?, row.try_get(7)?);
    Ok(HeldBack {
        chat_key: row.try_get(0)?,
        waiting: waiting.cast_unsigned(),
        head: UpdateId(row.try_get(1)?),
        head_kind: Kind::named(row.try_get(2)?),
        head_state: if is_held { UpdateState::Held } else { UpdateState::Waiting },
        since: from_unix_millis(row.try_get(3)?),
        until: due_at.map(from_unix_millis),
        attempts: u32::try_from(attempts).unwrap_or(0),
        reason: row.try_get(5)?,
    })
}

fn group(row: &PgRow) -> Result<DeadGroup, sqlx::Error> {
    Ok(DeadGroup {
        reason: row.try_get(0)?,
        count: row.try_get::<i64, _>(1)?.cast_unsigned(),
        oldest: from_unix_millis(row.try_get(2)?),
        newest: from_unix_millis(row.try_get(3)?),
        example: UpdateId(row.try_get(4)?),
    })
}
