//! The lane of one chat: its updates in the order of acceptance.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::update::{ChatKey, Update, UpdateId};

/// An update that the store holds, to be put into its lane.
#[derive(Clone, Copy, Debug)]
pub(in crate::inbox) struct Stored {
    pub(in crate::inbox) key: ChatKey,
    pub(in crate::inbox) id: UpdateId,
    pub(in crate::inbox) received_at: Timestamp,
    /// When it may be claimed; `None` means now.
    pub(in crate::inbox) ready_at: Option<Timestamp>,
    /// As in [`Item`].
    pub(in crate::inbox) crash_count: Option<u32>,
    /// As in [`Item`].
    pub(in crate::inbox) has_calls: bool,
}

#[derive(Debug)]
pub(super) struct Item {
    pub(super) id: UpdateId,
    pub(super) received_at: Timestamp,
    /// The update itself, until its first claim, if it fitted into the cache.
    pub(super) cached: Option<Box<Update>>,
    /// How many times the process died while it handled this update. `None` means that the update was accepted by
    /// this process, which lives. If there is a number, even 0, the store records the claim before the update is
    /// handled, so that the next crash is counted.
    pub(super) crash_count: Option<u32>,
    /// Whether it has been handled, and calls are still to be made.
    pub(super) has_calls: bool,
}

#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) items: VecDeque<Item>,
    /// The lease on the first update, while it is claimed.
    pub(super) held: Option<Held>,
    /// When the first update may be claimed; `None` means now.
    pub(super) ready_at: Option<Timestamp>,
}

impl Lane {
    /// The crash count of the first update, which is a suspect if this is more than 0.
    pub(super) fn crash_count(&self) -> u32 {
        self.items.front().and_then(|item| item.crash_count).unwrap_or(0)
    }

    /// Whether the first update has been handled, and calls of it are left.
    pub(super) fn has_calls(&self) -> bool {
        self.items.front().is_some_and(|item| item.has_calls)
    }

    /// The updates that wait to be handled: they are not claimed, and no calls of theirs are left.
    pub(super) fn unhandled(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().skip(usize::from(self.held.is_some())).filter(|item| !item.has_calls)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) token: i64,
    /// When the lease ends; `None` while a verdict is being recorded: the lease cannot end then.
    pub(super) until: Option<Timestamp>,
}
