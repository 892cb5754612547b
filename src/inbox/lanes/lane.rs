//! The lane of one chat: its updates in the order of acceptance.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::inbox::delivery::URGENT;
use crate::update::{ChatKey, Kind, Update, UpdateId};

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
    /// As in [`Item`].
    pub(in crate::inbox) urgency: Urgency,
}

/// The seconds from the arrival of an update until its answer is due; 0 means no deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::inbox) struct Urgency(u8);

impl Urgency {
    /// The urgency of an update of this kind with this key.
    pub(in crate::inbox) fn of(key: ChatKey, kind: &Kind) -> Self {
        let seconds = key.answer_within(kind).map_or(0, |within| within.as_secs());
        Self(u8::try_from(seconds).unwrap_or(u8::MAX))
    }

    pub(super) fn is_urgent(self) -> bool {
        Duration::from_secs(self.0.into()) <= URGENT
    }

    fn answer_by(self, received_at: Timestamp) -> Option<Timestamp> {
        (self.0 > 0).then(|| later(received_at, Duration::from_secs(self.0.into())))
    }
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
    pub(super) urgency: Urgency,
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

    /// When the first update must be answered, if that matters, and whether it is urgent.
    pub(super) fn answer_by(&self) -> Option<(Timestamp, bool)> {
        let front = self.items.front()?;
        front.urgency.answer_by(front.received_at).map(|at| (at, front.urgency.is_urgent()))
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
