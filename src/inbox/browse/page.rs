//! One page of a list of updates.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::super::record::{Record, UpdateState};
use crate::update::{ChatKey, Kind, UpdateId};

/// The most updates that one page looks at. A filter may select few or none of them.
pub(in crate::inbox) const SCAN: usize = 20_000;

/// Which updates a list shows. An empty filter selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<UpdateState>,
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// Only those of this chat, in all of its lanes. SQLite does not know the chat of an update that has ended.
    pub chat_key: Option<ChatKey>,
    /// Only those whose last attempt failed for exactly this reason: dead-letter updates, and updates that wait. If very
    /// many chats have updates, PostgreSQL looks at those that wait for their next attempt first, and not at all.
    pub reason: Option<String>,
}

impl Filter {
    /// Whether the filter selects an update with these properties. `chat_key` is empty if the store does not know it.
    pub(in crate::inbox) fn selects(
        &self,
        state: UpdateState,
        kind: &str,
        chat_key: &str,
        reason: Option<&str>,
    ) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
            && self.kind.as_ref().is_none_or(|wanted| wanted.name() == kind)
            && self.chat_key.is_none_or(|wanted| chat_key.parse().is_ok_and(|key: ChatKey| key.has_owner_of(wanted)))
            && self.reason.as_deref().is_none_or(|wanted| reason == Some(wanted))
    }
}

/// Up to `limit` updates of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The updates, the newest first, without bodies and calls.
    pub records: Vec<Record>,
    /// Where the next page begins. `None` if there is none.
    pub next: Option<Cursor>,
    /// False if the search ended before the page was full, because it had looked at as many updates as a page may. The
    /// filter may select more: `next` goes on where the search ended. Without `next` it cannot go on.
    pub scanned_all: bool,
}

/// A position in a list. It is valid for the filter that it came with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub(in crate::inbox) i64);

impl Cursor {
    /// The highest position after this cursor, or of all. `None` if there is none.
    pub(in crate::inbox) fn highest(before: Option<Self>) -> Option<i64> {
        before.map_or(Some(i64::MAX), |Self(last)| last.checked_sub(1))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The error for a text that is not a [`Cursor`].
#[derive(Debug, thiserror::Error)]
#[error("not a position in a list of updates")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        text.parse().map(Self).or(Err(NotACursor))
    }
}

/// Fills a page from updates in the order of the list.
pub(in crate::inbox) struct Search {
    limit: usize,
    records: Vec<Record>,
    looked_at: usize,
    last: Option<UpdateId>,
    /// Whether an update was found for which the page has no room.
    has_more: bool,
}

impl Search {
    /// An empty page, for `limit` updates and at least one.
    pub(in crate::inbox) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), records: Vec::new(), looked_at: 0, last: None, has_more: false }
    }

    /// The most updates on the page.
    pub(in crate::inbox) fn limit(&self) -> usize {
        self.limit
    }

    /// Looks at the next update; `record` is `None` if the filter does not select it. Returns whether the search goes on.
    pub(in crate::inbox) fn look_at(&mut self, id: UpdateId, record: Option<Record>) -> bool {
        if let Some(record) = record {
            if self.records.len() == self.limit {
                self.has_more = true;
                return false;
            }
            self.records.push(record);
        }
        self.looked_at += 1;
        self.last = Some(id);
        self.looked_at < SCAN
    }

    pub(in crate::inbox) fn page(self) -> Page {
        let is_full = self.records.len() == self.limit;
        let last = if self.has_more { self.records.last().map(|record| record.id) } else { self.last };
        let goes_on = self.has_more || self.looked_at == SCAN;
        Page {
            next: last.filter(|_| goes_on).map(|id| Cursor(id.0)),
            scanned_all: is_full || !goes_on,
            records: self.records,
        }
    }
}
