//! The latest updates with their content, for the page and for a duplicate delivery.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::backlog::PendingUpdate;

/// How many updates are kept.
const MAX_UPDATES: usize = 1_000;
/// The most bytes of their contents.
const MAX_BYTES: usize = 8 << 20;

/// An update as it was queued.
#[derive(Clone, Debug)]
pub(crate) struct LoggedUpdate {
    pub(crate) id: i64,
    pub(crate) at: Timestamp,
    pub(crate) update: PendingUpdate,
}

/// The latest updates. The oldest are dropped first.
#[derive(Debug, Default)]
pub(crate) struct UpdateLog {
    bytes: usize,
    updates: VecDeque<LoggedUpdate>,
}

impl UpdateLog {
    pub(crate) fn push(&mut self, logged: LoggedUpdate) {
        self.bytes += logged.update.content.len();
        self.updates.push_back(logged);
        while (self.updates.len() > MAX_UPDATES || self.bytes > MAX_BYTES)
            && let Some(oldest) = self.updates.pop_front()
        {
            self.bytes -= oldest.update.content.len();
        }
    }

    pub(crate) fn get(&self, id: i64) -> Option<&LoggedUpdate> {
        self.updates.iter().rev().find(|logged| logged.id == id)
    }

    /// The latest updates, the newest first.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = &LoggedUpdate> {
        self.updates.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn logged(id: i64, bytes: usize) -> LoggedUpdate {
        let content = Bytes::from(vec![b' '; bytes]);
        let kind = "message".to_owned();
        let update = PendingUpdate { kind, content, queue: 1, chat: Some(1), expires_at: 0, attempts: 0 };
        LoggedUpdate { id, at: Timestamp::UNIX_EPOCH, update }
    }

    #[test]
    fn the_oldest_updates_are_dropped_beyond_the_number_and_beyond_the_bytes() {
        let mut log = UpdateLog::default();
        for id in 0..=1_000 {
            log.push(logged(id, 10));
        }
        assert!(log.get(0).is_none() && log.get(1).is_some());
        log.push(logged(2_000, MAX_BYTES));
        assert_eq!(log.newest_first().map(|logged| logged.id).collect::<Vec<_>>(), [2_000]);
    }
}
