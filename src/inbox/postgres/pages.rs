//! The statements that find the updates of a page.
//!
//! The table of updates has no index for states and kinds, because an index would cost something for every update that
//! arrives. So each statement follows what there is: the ids, the dead-letter updates, the updates of a chat, or the chats
//! that have something to do. A statement that follows an order looks at [`SCAN`] updates at most.

use std::time::Duration;

use jiff::Timestamp;
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;

use super::sql::text;
use crate::clock::{earlier, later};
use crate::inbox::browse::{Cursor, Filter, SCAN};
use crate::inbox::error::InboxError;
use crate::inbox::millis::from_unix_millis;
use crate::inbox::record::{Record, UpdateState};
use crate::update::{ChatKey, Kind, UpdateId};

/// If no more updates than this are open, a search for those that wait reads all of them.
const FEW: i64 = 5_000;

/// Selects the columns that [`outline`] and [`Plan::position`] read.
macro_rules! outlines {
    ($from:expr, $rest:expr) => {
        concat!(
            "SELECT u.id, u.kind, u.chat_key, u.received_at, u.expires_at, u.state, u.attempts, u.reason,
                (extract(epoch FROM statement_timestamp() - u.ended_at) * 1000)::bigint,
                coalesce(u.state = 0 AND c.token <> 0 AND c.due_at > statement_timestamp(), false),
                CASE WHEN u.state = 0 AND c.token = 0 AND c.due_at > statement_timestamp()
                    THEN (extract(epoch FROM c.due_at - statement_timestamp()) * 1000)::bigint END,
                u.seq
            FROM ",
            $from,
            " LEFT JOIN chats c ON c.chat_key = u.chat_key AND c.front = u.seq ",
            $rest
        )
    };
}

/// Selects the updates of a page: the conditions that are not null, in descending order. Claimed updates are those with
/// state 0 that are first in their chat, under a lease.
macro_rules! page {
    ($from:expr, $order:literal) => {
        outlines!(
            $from,
            concat!(
                "WHERE ($3::smallint IS NULL OR u.state = $3)
                    AND ($4::boolean IS NULL
                        OR coalesce(c.token <> 0 AND c.due_at > statement_timestamp(), false) = $4)
                    AND ($5::text IS NULL OR u.kind = $5) AND ($6::text[] IS NULL OR u.chat_key = ANY ($6))
                    AND ($7::text IS NULL OR u.reason = $7)
                ORDER BY ",
                $order,
                " DESC LIMIT $8"
            )
        )
    };
}

const ONE: &str = outlines!("updates u", "WHERE u.id = $1");

const ALL: &str = page!("(SELECT * FROM updates WHERE id <= $1 ORDER BY id DESC LIMIT $2) u", "u.id");
const END_OF_ALL: &str = "
    SELECT min(s.id), count(*) = $2 FROM (SELECT id FROM updates WHERE id <= $1 ORDER BY id DESC LIMIT $2) s";

// The table of dead-letter updates has what a filter needs. It is small, and its rows are side by side.
const DEAD: &str = page!(
    "(SELECT id FROM dead
        WHERE id <= $1 AND ($5::text IS NULL OR kind = $5) AND ($6::text[] IS NULL OR chat_key = ANY ($6))
            AND ($7::text IS NULL OR reason = $7)
        ORDER BY id DESC LIMIT $2) d JOIN updates u ON u.id = d.id",
    "u.id"
);

// The latest of each lane, and of these the latest.
const CHAT: &str = page!(
    "(SELECT w.* FROM unnest($6) AS l (lane) CROSS JOIN LATERAL (
            SELECT * FROM updates WHERE chat_key = l.lane AND seq <= $1 ORDER BY seq DESC LIMIT $2) w
        ORDER BY w.seq DESC LIMIT $2) u",
    "u.seq"
);
const END_OF_CHAT: &str = "
    SELECT min(s.seq), count(*) = $2 FROM (
        SELECT w.seq FROM unnest($3) AS l (lane) CROSS JOIN LATERAL (
            SELECT seq FROM updates WHERE chat_key = l.lane AND seq <= $1 ORDER BY seq DESC LIMIT $2) w
        ORDER BY w.seq DESC LIMIT $2
    ) s";

// Leases end within a minute.
const HELD: &str = page!(
    "(SELECT w.* FROM (
            SELECT chat_key, front FROM chats
            WHERE due_at > statement_timestamp() AND due_at <= statement_timestamp() + interval '61 s' AND token <> 0
            ORDER BY due_at LIMIT $2
        ) f JOIN updates w ON w.chat_key = f.chat_key AND w.seq = f.front WHERE w.id <= $1) u",
    "u.id"
);

// An update that waits and has failed is the first of its chat. Those that wait for their next attempt are found first.
const FAILED: &str = page!(
    "(
        (SELECT id FROM dead WHERE id <= $1 AND reason = $7 ORDER BY id DESC LIMIT $2)
        UNION ALL
        (SELECT w.id FROM (SELECT chat_key, front FROM chats ORDER BY due_at DESC LIMIT 5000) f
        JOIN updates w ON w.chat_key = f.chat_key AND w.seq = f.front
        WHERE w.id <= $1 AND w.state = 0 AND w.reason = $7)
    ) i JOIN updates u ON u.id = i.id",
    "u.id"
);
const END_OF_FAILED: &str = "
    SELECT nullif($1, $1), count(*) > 5000 AND $2 > 0 FROM (SELECT FROM chats ORDER BY due_at DESC LIMIT 5001) s";

const OPEN: &str = page!(
    "(SELECT w.* FROM chats f JOIN updates w ON w.chat_key = f.chat_key AND w.seq BETWEEN f.front AND f.tail
        WHERE w.state = 0 AND w.id <= $1 LIMIT $2) u",
    "u.id"
);

/// Where the updates of a page are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Among all updates, by id.
    All,
    /// Among the dead-letter updates, by id.
    Dead,
    /// Among the updates of one chat, in the order of acceptance.
    Chat,
    /// Among the claimed updates.
    Held,
    /// Among the dead-letter updates and the first updates of chats.
    Failed,
    /// Among the updates that have not ended, which are few.
    Open,
}

impl Plan {
    /// The plan for a filter. `open` counts the updates that wait or are claimed.
    pub(super) async fn of<F: Future<Output = Result<i64, InboxError>>>(
        filter: &Filter,
        open: impl FnOnce() -> F,
    ) -> Result<Self, InboxError> {
        Ok(match filter.state {
            _ if filter.chat_key.is_some() => Self::Chat,
            Some(UpdateState::Dead) => Self::Dead,
            Some(UpdateState::Held) => Self::Held,
            Some(UpdateState::Waiting) | None if filter.reason.is_some() => Self::Failed,
            Some(UpdateState::Waiting) if open().await? <= FEW => Self::Open,
            Some(UpdateState::Waiting | UpdateState::Done | UpdateState::Expired | UpdateState::Discarded) | None => {
                Self::All
            }
        })
    }

    /// Finds up to `limit` updates and one more, from the highest position on.
    pub(super) fn rows(self, filter: &Filter, highest: i64, limit: usize) -> Query<'static, Postgres, PgArguments> {
        let statement = match self {
            Self::All => ALL,
            Self::Dead => DEAD,
            Self::Chat => CHAT,
            Self::Held => HELD,
            Self::Failed => FAILED,
            Self::Open => OPEN,
        };
        let (state, is_held) = filter.state.map(stored_state).unzip();
        sqlx::query(statement)
            .bind(highest)
            .bind(scan())
            .bind(state)
            .bind(is_held.flatten())
            .bind(filter.kind.as_ref().map(|kind| text(kind.name())))
            .bind(filter.chat_key.map(lanes))
            .bind(filter.reason.as_deref().map(text))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1))
    }

    /// Finds where a search ended that did not fill its page. `None` if the plan looks at everything.
    pub(super) fn end(self, filter: &Filter, highest: i64) -> Option<Query<'static, Postgres, PgArguments>> {
        let end = |statement| sqlx::query(statement).bind(highest).bind(scan());
        match self {
            Self::All => Some(end(END_OF_ALL)),
            Self::Failed => Some(end(END_OF_FAILED)),
            Self::Chat => Some(end(END_OF_CHAT).bind(filter.chat_key.map(lanes))),
            Self::Dead | Self::Held | Self::Open => None,
        }
    }

    /// Reads the answer to [`Plan::end`]: whether the search stopped because it had looked at as many as it may, and where
    /// it goes on. A search among the chats cannot go on.
    pub(super) fn stopped(row: &PgRow) -> Result<(bool, Option<Cursor>), sqlx::Error> {
        let (last, stopped): (Option<i64>, bool) = (row.try_get(0)?, row.try_get(1)?);
        Ok((stopped, last.filter(|_| stopped).map(Cursor)))
    }

    /// The position of a row in the list.
    pub(super) fn position(self, row: &PgRow) -> Result<i64, sqlx::Error> {
        row.try_get(if self == Self::Chat { 11 } else { 0 })
    }

    /// Finds one update.
    pub(super) fn one(id: UpdateId) -> Query<'static, Postgres, PgArguments> {
        sqlx::query(ONE).bind(id.0)
    }
}

/// All lanes of a chat, user or update, as they are stored.
fn lanes(key: ChatKey) -> Vec<String> {
    key.all_lanes().map(|lane| lane.to_string()).collect()
}

fn scan() -> i64 {
    i64::try_from(SCAN).unwrap_or(i64::MAX)
}

/// The number of a state in the table, and whether an update in that state is claimed, if that matters.
fn stored_state(state: UpdateState) -> (i16, Option<bool>) {
    match state {
        UpdateState::Waiting => (0, Some(false)),
        UpdateState::Held => (0, Some(true)),
        UpdateState::Dead => (1, None),
        UpdateState::Done => (2, None),
        UpdateState::Expired => (3, None),
        UpdateState::Discarded => (4, None),
    }
}

/// Reads an update without its content. The database says how long ago it ended and how long it waits, because its clock
/// may differ from `now`.
pub(super) fn outline(row: &PgRow, now: Timestamp) -> Result<Record, sqlx::Error> {
    let (state, attempts): (i16, i32) = (row.try_get(5)?, row.try_get(6)?);
    let (ended_for, waits_for): (Option<i64>, Option<i64>) = (row.try_get(8)?, row.try_get(10)?);
    Ok(Record {
        id: UpdateId(row.try_get(0)?),
        kind: Kind::named(row.try_get(1)?),
        chat_key: row.try_get(2)?,
        state: match state {
            1 => UpdateState::Dead,
            2 => UpdateState::Done,
            3 => UpdateState::Expired,
            4 => UpdateState::Discarded,
            _ if row.try_get(9)? => UpdateState::Held,
            _ => UpdateState::Waiting,
        },
        received_at: from_unix_millis(row.try_get(3)?),
        expires_at: Some(from_unix_millis(row.try_get(4)?)),
        next_attempt_at: waits_for.map(|wait| later(now, span(wait))),
        ended_at: ended_for.map(|age| earlier(now, span(age))),
        attempts: u32::try_from(attempts).unwrap_or(0),
        reason: row.try_get(7)?,
        body: None,
        calls_left: None,
    })
}

/// A span that the database gave in milliseconds. A clock that was set back gives none.
pub(super) fn span(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
