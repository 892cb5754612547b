use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;
use crate::update::UpdateId;

/// An update whose connection was cut longer ago than this is no suspect any more: eight attempts take two minutes.
const REMEMBERED_FOR: Duration = Duration::from_mins(10);
/// The most suspects. More updates than this are never in progress with one bot.
const MOST: usize = 1024;

/// The updates that were with the bot when it cut the connection. One of them may have ended its process.
#[derive(Debug, Default)]
pub(super) struct Suspects(HashMap<UpdateId, Timestamp>);

impl Suspects {
    pub(super) fn contains(&self, id: UpdateId, now: Timestamp) -> bool {
        self.0.get(&id).is_some_and(|cut| elapsed(*cut, now) < REMEMBERED_FOR)
    }

    /// Adds an update whose connection was cut now.
    pub(super) fn add(&mut self, id: UpdateId, now: Timestamp) {
        if self.0.len() >= MOST {
            self.0.retain(|_, cut| elapsed(*cut, now) < REMEMBERED_FOR);
        }
        if self.0.len() < MOST {
            self.0.insert(id, now);
        }
    }

    /// The bot answered it, so it does not end its process.
    pub(super) fn clear(&mut self, id: UpdateId) {
        self.0.remove(&id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::later;

    #[test]
    fn suspects_are_bounded_in_number_and_in_time() {
        let (mut suspects, begin) = (Suspects::default(), Timestamp::UNIX_EPOCH);
        for id in 0..5000 {
            suspects.add(UpdateId(id), begin);
        }
        assert_eq!(suspects.0.len(), MOST);
        assert!(suspects.contains(UpdateId(1), begin) && !suspects.contains(UpdateId(4999), begin));
        let after = later(begin, REMEMBERED_FOR);
        assert!(!suspects.contains(UpdateId(1), after));
        suspects.add(UpdateId(4999), after);
        assert!(suspects.contains(UpdateId(4999), after));
        suspects.clear(UpdateId(4999));
        assert!(suspects.0.is_empty());
    }
}
