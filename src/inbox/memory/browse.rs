//! What the operator's pages read from the memory store.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::super::browse::{Browse, Cursor, DeadGroup, Filter, HeldBack, Page, SCAN, Search, StateCounts};
use super::super::error::InboxError;
use super::super::lanes::LaneView;
use super::super::record::{Record, Selection, UpdateState};
use super::MemoryInbox;
use super::contents::Contents;
use crate::update::UpdateId;

/// The lanes of each sort that are searched for chats held back.
const LANES: usize = 1_000;

#[async_trait]
impl Browse for MemoryInbox {
    async fn page(&self, filter: &Filter, before: Option<Cursor>, limit: usize) -> Result<Page, InboxError> {
        let mut search = Search::new(limit);
        let Some(highest) = Cursor::highest(before).map(UpdateId) else { return Ok(search.page()) };
        let contents = self.contents.lock();
        let chosen: Vec<UpdateId> = match (filter.state, filter.chat_key) {
            (Some(UpdateState::Held), _) => self.queue.lanes().held_ids().into_iter().collect(),
            (_, Some(key)) => self.queue.lanes().ids_of(key),
            _ => contents.open.range(..=highest).rev().take(SCAN).map(|(id, _)| *id).collect(),
        };
        let others = contents.dead.ids().chain(contents.ended.recorded());
        let mut ids: Vec<UpdateId> = chosen.into_iter().chain(others).filter(|id| *id <= highest).collect();
        ids.sort_unstable_by(|one, other| other.cmp(one));
        for id in ids {
            let record = self.outline(&contents, id).filter(|record| {
                filter.selects(record.state, record.kind.name(), &record.chat_key, record.reason.as_deref())
            });
            if !search.look_at(id, record) {
                break;
            }
        }
        Ok(search.page())
    }

    async fn find(&self, id: UpdateId) -> Result<Option<Record>, InboxError> {
        let contents = self.contents.lock();
        let Some(outline) = self.outline(&contents, id) else { return Ok(None) };
        let stored = contents.open.get(&id).or_else(|| contents.dead.get(id));
        let content = stored.map(|update| update.record(outline.state));
        let (body, calls_left) = content.map(|content| (content.body, content.calls_left)).unwrap_or_default();
        Ok(Some(Record { body, calls_left, ..outline }))
    }

    async fn count_by_state(&self) -> Result<StateCounts, InboxError> {
        let contents = self.contents.lock();
        let (open, held) = {
            let lanes = self.queue.lanes();
            (lanes.open() as u64, lanes.held() as u64)
        };
        let counts =
            StateCounts { waiting: open - held, held, dead: contents.dead.len() as u64, ..StateCounts::default() };
        Ok(contents.ended.count(counts))
    }

    async fn held_back(&self, limit: usize) -> Result<Vec<HeldBack>, InboxError> {
        let contents = self.contents.lock();
        let views = self.queue.lanes().longest_waiting(LANES);
        let held_back = |view: LaneView| {
            let record = self.outline(&contents, view.head)?;
            (view.len > 1 || record.reason.is_some()).then_some(HeldBack {
                chat_key: record.chat_key,
                waiting: view.len as u64,
                head: view.head,
                head_kind: record.kind,
                head_state: record.state,
                since: record.received_at,
                until: record.next_attempt_at,
                attempts: record.attempts,
                reason: record.reason,
            })
        };
        Ok(views.into_iter().filter_map(held_back).take(limit).collect())
    }

    async fn dead_by_reason(&self, limit: usize) -> Result<Vec<DeadGroup>, InboxError> {
        let contents = self.contents.lock();
        let mut groups = BTreeMap::<String, DeadGroup>::new();
        for dead in contents.dead.selected(&Selection::All) {
            let (id, received_at) = (dead.update.id, dead.update.received_at);
            let reason = dead.reason.clone().unwrap_or_default();
            let new = || DeadGroup {
                reason: reason.clone(),
                count: 0,
                oldest: received_at,
                newest: received_at,
                example: id,
            };
            let group = groups.entry(reason.clone()).or_insert_with(new);
            group.count += 1;
            group.oldest = group.oldest.min(received_at);
            group.newest = group.newest.max(received_at);
            group.example = group.example.max(id);
        }
        let mut groups: Vec<DeadGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups.truncate(limit);
        Ok(groups)
    }
}

impl MemoryInbox {
    /// What the store has of an update, without its content.
    fn outline(&self, contents: &Contents, id: UpdateId) -> Option<Record> {
        let Some(open) = contents.open.get(&id) else {
            let dead = contents.dead.get(id).map(|dead| dead.outline(UpdateState::Dead));
            return dead.or_else(|| contents.ended.record(id).cloned());
        };
        let view = self.queue.lanes().view(open.update.chat_key).filter(|view| view.head == id);
        let is_held = view.is_some_and(|view| view.is_held);
        let ready_at = view.and_then(|view| view.ready_at).filter(|at| !is_held && *at > self.clock.steady());
        let state = if is_held { UpdateState::Held } else { UpdateState::Waiting };
        Some(Record { next_attempt_at: ready_at, ..open.outline(state) })
    }
}
