use std::collections::VecDeque;

use jiff::Timestamp;

use crate::inbox::Verdict;
use crate::telegram::{ApiError, Call};

/// The calls of one update that are still to be made, and those that Telegram refused.
pub(super) struct PendingCalls {
    /// The calls that must be made, in order.
    left: VecDeque<Call>,
    /// The refused calls, each with the reason.
    refused: Vec<Call>,
    /// Whether no call has been carried out, so that the handler may run again without repeating anything.
    nothing_done: bool,
    /// Whether the group has become a supergroup during this attempt.
    has_migrated: bool,
}

impl PendingCalls {
    /// Whether there is no call to make.
    pub(super) fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The calls that the handler has just returned.
    pub(super) fn new(calls: Vec<Call>) -> Self {
        Self { left: calls.into(), refused: Vec::new(), nothing_done: true, has_migrated: false }
    }

    /// The calls that an earlier attempt has left.
    pub(super) fn stored(calls: Vec<Call>) -> Self {
        let (refused, left): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.refused.is_some());
        Self { left: left.into(), refused, nothing_done: false, has_migrated: false }
    }

    /// The next call.
    pub(super) fn first(&mut self) -> Option<&mut Call> {
        self.left.front_mut()
    }

    /// Removes the next call. It has been carried out, or may have been.
    pub(super) fn done(&mut self) {
        self.left.pop_front();
        self.nothing_done = false;
    }

    /// Removes the next call. Telegram refused it for an ordinary reason, so no correction is necessary.
    pub(super) fn skip(&mut self) {
        self.left.pop_front();
    }

    /// Sets the next call aside, because Telegram refused it. It is remembered until the other calls are made.
    pub(super) fn refuse(&mut self, error: &ApiError) {
        let Some(mut call) = self.left.pop_front() else { return };
        call.refused = Some(format!("{}, {}: {error}", call.origin(), call.method_name()));
        self.refused.push(call);
    }

    /// Changes the chat of the next call, and of the other calls for the same chat, to the supergroup that it has become.
    /// Returns `false` if that has happened before during this attempt.
    pub(super) fn migrate(&mut self, supergroup: i64) -> bool {
        if self.has_migrated {
            return false;
        }
        self.has_migrated = true;
        if let Some(group) = self.left.front().and_then(|call| call.params.get("chat_id")).cloned() {
            tracing::info!(chat = %group, supergroup, "a group became a supergroup; its calls are made there");
            for call in &mut self.left {
                call.change_chat(&group, supergroup);
            }
        }
        true
    }

    /// The verdict when the remaining calls must be made later.
    pub(super) fn later(self, at: Timestamp, reason: impl Into<String>) -> Verdict {
        let calls = self.refused.into_iter().chain(self.left).collect();
        Verdict::CallsLeft { calls, at, reason: reason.into() }
    }

    /// The verdict when no call is left. An update with a refused call becomes a dead-letter update, because a
    /// correction is necessary. If no call was carried out, a retry runs the handler again, which may be corrected by
    /// then. Otherwise a retry makes only the refused calls.
    pub(super) fn finish(self) -> Verdict {
        let Some(reason) = self.refused.first().and_then(|call| call.refused.clone()) else { return Verdict::Done };
        let reason = match self.refused.len() - 1 {
            0 => reason,
            more => format!("{reason} (and {more} more of its calls)"),
        };
        if self.nothing_done {
            return Verdict::Dead { reason };
        }
        let calls = self.refused.into_iter().map(|call| Call { refused: None, ..call }).collect();
        Verdict::Refused { calls, reason }
    }
}
