//! What the operator's pages read from the file, and from the lanes in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, Rows, params};

use super::super::browse::{Browse, Cursor, DeadGroup, Filter, HeldBack, Page, SCAN, Search, StateCounts};
use super::super::error::InboxError;
use super::super::lanes::LaneView;
use super::super::millis::from_unix_millis;
use super::super::record::{Record, UpdateState};
use super::SqliteInbox;
use super::row::{content, outline, state};
use crate::telegram::Call;
use crate::update::{Kind, Lane, UpdateId};

/// The lanes of each sort that are searched for chats held back.
const LANES: usize = 1_000;
/// The most ended updates that are counted.
const COUNTED: i64 = 10_000;

/// The columns that [`outline`] reads.
macro_rules! outline_of {
    ($from:literal) => {
        concat!(
            "SELECT u.id, u.kind, u.chat_key, u.received_at, u.expires_at, u.state, u.attempts, u.due_at, u.reason, ",
            "s.ended_at, s.outcome FROM ",
            $from
        )
    };
}

const OPEN: &str = outline_of!("updates u LEFT JOIN settled s ON s.id = u.id WHERE u.id <= ?1 ORDER BY u.id DESC");
const SETTLED: &str = outline_of!("settled s CROSS JOIN updates u ON u.id = s.id WHERE s.id <= ?1 ORDER BY s.id DESC");
const ONE: &str = outline_of!("updates u LEFT JOIN settled s ON s.id = u.id WHERE u.id = ?1");
/// The same columns of the table of ended updates, which keeps fewer.
const ENDED: &str = "
    SELECT id, kind, '', received_at, NULL, NULL, 0, 0, NULL, ended_at, outcome FROM ended
    WHERE id <= ?1 ORDER BY id DESC";
const ONE_ENDED: &str = "
    SELECT id, kind, '', received_at, NULL, NULL, 0, 0, NULL, ended_at, outcome FROM ended WHERE id = ?1";
const CONTENT: &str = "SELECT body, calls_left FROM updates WHERE id = ?1 AND id NOT IN (SELECT id FROM settled)";

const SETTLED_IDS: &str = "SELECT id FROM settled WHERE id <= ?1";
// The index holds all these columns, so no row is read. Every dead-letter update has a reason.
const FAILED_IDS: &str = "
    SELECT id FROM updates INDEXED BY updates_failed
    WHERE reason IS NOT NULL AND id <= ?1 AND (?2 IS NULL OR reason = ?2) AND (?3 IS NULL OR kind = ?3)
        AND (?4 IS NULL OR chat_key = ?4 OR chat_key LIKE ?4 || ':%') AND (NOT ?5 OR state = 1)
    ORDER BY id DESC LIMIT ?6";

const COUNT_DEAD: &str = "SELECT count(*) FROM updates WHERE state <> 0 AND state = 1";
const COUNT_ENDED: &str = "
    SELECT count(*), count(*) FILTER (WHERE outcome = 'done'), count(*) FILTER (WHERE outcome = 'expired')
    FROM (SELECT outcome FROM ended UNION ALL SELECT outcome FROM settled LIMIT ?1)";
const GROUPS: &str = "
    SELECT reason, count(*), min(received_at), max(received_at), max(id) FROM updates INDEXED BY updates_failed
    WHERE reason IS NOT NULL AND state = 1 GROUP BY reason ORDER BY count(*) DESC, reason LIMIT ?1";

#[async_trait]
impl Browse for SqliteInbox {
    async fn page(&self, filter: &Filter, before: Option<Cursor>, limit: usize) -> Result<Page, InboxError> {
        let search = Search::new(limit);
        let Some(highest) = Cursor::highest(before) else { return Ok(search.page()) };
        let (filter, known) = (filter.clone(), self.known());
        let lane = filter.chat_key.filter(|_| self.owns_lanes).map(|key| self.shared.queue.lanes().ids_of(key));
        self.reader.read(move |file| Finding { file, known, filter, highest, search }.page(lane)).await
    }

    async fn find(&self, id: UpdateId) -> Result<Option<Record>, InboxError> {
        let known = self.known();
        self.reader
            .read(move |file| {
                let open = file.prepare_cached(ONE)?.query_row([id.0], |row| known.outline(row)).optional()?;
                let Some(open) = open else {
                    return file.prepare_cached(ONE_ENDED)?.query_row([id.0], |row| known.outline(row)).optional();
                };
                let content = file.prepare_cached(CONTENT)?.query_row([id.0], content).optional()?;
                let (body, calls_left): (_, Option<Vec<Call>>) = content.unwrap_or_default();
                Ok(Some(Record { body, calls_left, ..open }))
            })
            .await
    }

    async fn count_by_state(&self) -> Result<StateCounts, InboxError> {
        let (open, held) = {
            let lanes = self.shared.queue.lanes();
            (lanes.open() as u64, lanes.held() as u64)
        };
        let count = |row: &Row<'_>, column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.cast_unsigned());
        self.reader
            .read(move |file| {
                let dead = file.prepare_cached(COUNT_DEAD)?.query_row([], |row| count(row, 0))?;
                let ended = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, count(row, 1)?, count(row, 2)?));
                let (ended, done, expired) = file.prepare_cached(COUNT_ENDED)?.query_row([COUNTED + 1], ended)?;
                let counted = |number| (ended <= COUNTED).then_some(number);
                Ok(StateCounts { waiting: open - held, held, dead, done: counted(done), expired: counted(expired) })
            })
            .await
    }

    async fn held_back(&self, limit: usize) -> Result<Vec<HeldBack>, InboxError> {
        let views = self.shared.queue.lanes().longest_waiting(LANES);
        let known = self.known();
        self.reader
            .read(move |file| {
                let mut found = Vec::new();
                let mut one = file.prepare_cached(ONE)?;
                for view in views {
                    if found.len() == limit {
                        break;
                    }
                    let head = one.query_row([view.head.0], |row| known.outline(row)).optional()?;
                    found.extend(head.and_then(|head| known.held_back(view, head)));
                }
                Ok(found)
            })
            .await
    }

    async fn dead_by_reason(&self, limit: usize) -> Result<Vec<DeadGroup>, InboxError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let group = |row: &Row<'_>| {
            Ok(DeadGroup {
                reason: row.get(0)?,
                count: row.get::<_, i64>(1)?.cast_unsigned(),
                oldest: from_unix_millis(row.get(2)?),
                newest: from_unix_millis(row.get(3)?),
                example: UpdateId(row.get(4)?),
            })
        };
        self.reader.read(move |file| file.prepare_cached(GROUPS)?.query_map([limit], group)?.collect()).await
    }
}

impl SqliteInbox {
    fn known(&self) -> Known {
        Known { held: self.shared.queue.lanes().held_ids(), now: self.clock.steady() }
    }
}

/// What the file does not say: which updates are claimed, and the time.
struct Known {
    held: HashSet<UpdateId>,
    now: Timestamp,
}

impl Known {
    /// Reads the columns of `outline_of!`.
    fn outline(&self, row: &Row<'_>) -> rusqlite::Result<Record> {
        let record = outline(row)?;
        let state = self.state(record.id, row);
        let waits = state == UpdateState::Waiting;
        Ok(Record { state, next_attempt_at: record.next_attempt_at.filter(|at| waits && *at > self.now), ..record })
    }

    /// The state of the update in a row.
    fn state(&self, id: UpdateId, row: &Row<'_>) -> UpdateState {
        let state = state(row);
        if state == UpdateState::Waiting && self.held.contains(&id) { UpdateState::Held } else { state }
    }

    /// The chat of this lane, if it is held back by its first update.
    fn held_back(&self, view: LaneView, head: Record) -> Option<HeldBack> {
        let is_open = matches!(head.state, UpdateState::Waiting | UpdateState::Held);
        (is_open && (view.len > 1 || head.reason.is_some())).then_some(HeldBack {
            chat_key: head.chat_key,
            waiting: view.len as u64,
            head: head.id,
            head_kind: head.kind,
            head_state: if view.is_held { UpdateState::Held } else { UpdateState::Waiting },
            since: head.received_at,
            until: view.ready_at.filter(|at| !view.is_held && *at > self.now),
            attempts: head.attempts,
            reason: head.reason,
        })
    }
}

/// The search for a page.
struct Finding<'a> {
    file: &'a Connection,
    known: Known,
    filter: Filter,
    /// The highest id of the page.
    highest: i64,
    search: Search,
}

impl Finding<'_> {
    /// Searches where the selected updates can be. `lane` has the open updates of the chat that the filter names.
    fn page(mut self, lane: Option<Vec<UpdateId>>) -> rusqlite::Result<Page> {
        match (self.filter.state, lane) {
            (Some(UpdateState::Held), _) => self.look_at(self.known.held.iter().copied().collect())?,
            (Some(UpdateState::Dead), _) => self.look_at(self.failed()?)?,
            _ if self.filter.reason.is_some() => self.look_at(self.failed()?)?,
            (_, Some(mut ids)) => {
                ids.extend(self.failed()?);
                ids.extend(self.ended_lately()?);
                self.look_at(ids)?;
            }
            (Some(UpdateState::Waiting), None) => self.scan(&[OPEN])?,
            (Some(UpdateState::Done | UpdateState::Expired | UpdateState::Discarded), None) => {
                self.scan(&[SETTLED, ENDED])?;
            }
            (None, None) => self.scan(&[OPEN, ENDED])?,
        }
        Ok(self.search.page())
    }

    /// The ids of updates that may be selected and have failed: dead-letter updates, and those that wait.
    fn failed(&self) -> rusqlite::Result<Vec<UpdateId>> {
        let Filter { state, kind, chat_key, reason } = &self.filter;
        let (kind, chat_key) = (kind.as_ref().map(Kind::name), chat_key.map(|key| key.in_lane(Lane::Main).to_string()));
        // The statement knows the whole filter if it finds only dead-letter updates.
        let are_dead = *state == Some(UpdateState::Dead);
        let limit =
            i64::try_from(if are_dead { self.search.limit().saturating_add(1) } else { SCAN }).unwrap_or(i64::MAX);
        let values = params![self.highest, reason, kind, chat_key, are_dead, limit];
        self.file.prepare_cached(FAILED_IDS)?.query_map(values, id)?.collect()
    }

    /// The ids of updates that ended a moment ago and are not erased yet.
    fn ended_lately(&self) -> rusqlite::Result<Vec<UpdateId>> {
        self.file.prepare_cached(SETTLED_IDS)?.query_map([self.highest], id)?.collect()
    }

    /// Looks at the updates with these ids that have not been erased.
    fn look_at(&mut self, mut ids: Vec<UpdateId>) -> rusqlite::Result<()> {
        ids.retain(|id| id.0 <= self.highest);
        ids.sort_unstable_by(|one, other| other.cmp(one));
        ids.dedup();
        let mut one = self.file.prepare_cached(ONE)?;
        for id in ids {
            let found = one.query_row([id.0], |row| read(row, &self.known, &self.filter)).optional()?;
            if !self.search.look_at(id, found.and_then(|(_, record)| record)) {
                break;
            }
        }
        Ok(())
    }

    /// Looks at the rows of these statements, which have different ids, in the order of the ids.
    fn scan(&mut self, statements: &[&str]) -> rusqlite::Result<()> {
        let prepared = statements.iter().map(|statement| self.file.prepare_cached(statement));
        let mut prepared = prepared.collect::<rusqlite::Result<Vec<_>>>()?;
        let mut sources = Vec::new();
        for statement in &mut prepared {
            let mut source = Source { rows: statement.query([self.highest])?, next: None };
            source.advance(&self.known, &self.filter)?;
            sources.push(source);
        }
        while let Some(source) = sources.iter_mut().max_by_key(|source| source.next.as_ref().map(|(id, _)| *id)) {
            let Some((id, record)) = source.next.take() else { break };
            if !self.search.look_at(id, record) {
                break;
            }
            source.advance(&self.known, &self.filter)?;
        }
        Ok(())
    }
}

/// Rows of one statement, in descending order of their ids.
struct Source<'a> {
    rows: Rows<'a>,
    /// The id of the next row, and the update if the filter selects it.
    next: Option<(UpdateId, Option<Record>)>,
}

impl Source<'_> {
    fn advance(&mut self, known: &Known, filter: &Filter) -> rusqlite::Result<()> {
        self.next = self.rows.next()?.map(|row| read(row, known, filter)).transpose()?;
        Ok(())
    }
}

fn id(row: &Row<'_>) -> rusqlite::Result<UpdateId> {
    row.get(0).map(UpdateId)
}

/// The id of a row, and the update if the filter selects it.
fn read(row: &Row<'_>, known: &Known, filter: &Filter) -> rusqlite::Result<(UpdateId, Option<Record>)> {
    let id = UpdateId(row.get(0)?);
    // Most rows of a long search are of another kind or in another state.
    let is_other_kind = match &filter.kind {
        Some(wanted) => row.get_ref(1)?.as_bytes().is_ok_and(|kind| kind != wanted.name().as_bytes()),
        None => false,
    };
    if is_other_kind || filter.state.is_some_and(|wanted| wanted != known.state(id, row)) {
        return Ok((id, None));
    }
    let record = known.outline(row)?;
    let is_selected = filter.selects(record.state, record.kind.name(), &record.chat_key, record.reason.as_deref());
    Ok((id, is_selected.then_some(record)))
}
