//! The updates that are with the bot, and which of them must be alone there.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;
use crate::update::UpdateId;

/// The updates that are with the bot.
#[derive(Default)]
pub(super) struct Visits {
    /// Since when they have been there, except those that have been there for long.
    recent: HashMap<UpdateId, Timestamp>,
    /// How many have been there for long.
    lasting: usize,
    /// The suspect that is with the bot alone.
    alone: Option<UpdateId>,
    /// How many suspects wait until they can be alone with the bot, or are.
    suspects: usize,
}

impl Visits {
    pub(super) fn count(&self) -> usize {
        self.recent.len() + self.lasting
    }

    /// How many have been with the bot for long. Others may join them.
    pub(super) fn lasting(&self) -> usize {
        self.lasting
    }

    pub(super) fn has_suspects(&self) -> bool {
        self.suspects > 0
    }

    /// A suspect waits until it can be alone with the bot.
    pub(super) fn wait(&mut self) {
        self.suspects += 1;
    }

    /// A suspect does not wait any longer.
    pub(super) fn give_up_waiting(&mut self) {
        self.suspects = self.suspects.saturating_sub(1);
    }

    /// Whether a suspect that waits would be alone with the bot.
    pub(super) fn may_be_alone(&self) -> bool {
        self.recent.is_empty()
    }

    pub(super) fn enter(&mut self, id: UpdateId, is_suspect: bool, steady: Timestamp) {
        self.recent.insert(id, steady);
        if is_suspect {
            self.alone = Some(id);
        }
    }

    /// An update is no longer with the bot. Returns whether it was alone there.
    pub(super) fn leave(&mut self, id: UpdateId) -> bool {
        if self.recent.remove(&id).is_none() {
            self.lasting = self.lasting.saturating_sub(1);
        }
        self.end_of_solitude(id)
    }

    /// When the first update has been with the bot for this time.
    pub(super) fn next_to_last(&self, patience: Duration) -> Option<Timestamp> {
        self.recent.values().map(|since| later(*since, patience)).min()
    }

    /// Lets others join the updates that have been with the bot for this time. Returns since when the latest of them has been
    /// there, and whether one of them was alone.
    pub(super) fn pass(&mut self, patience: Duration, steady: Timestamp) -> (Option<Timestamp>, bool) {
        let over: Vec<UpdateId> =
            self.recent.iter().filter(|(_, since)| later(**since, patience) <= steady).map(|(id, _)| *id).collect();
        let (mut latest, mut was_alone) = (None, false);
        for id in over {
            latest = latest.max(self.recent.remove(&id));
            self.lasting += 1;
            was_alone |= self.end_of_solitude(id);
        }
        (latest, was_alone)
    }

    fn end_of_solitude(&mut self, id: UpdateId) -> bool {
        let was_alone = self.alone.take_if(|alone| *alone == id).is_some();
        self.suspects = self.suspects.saturating_sub(usize::from(was_alone));
        was_alone
    }
}
