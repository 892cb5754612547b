//! What the bot shows for a short time: that it types, and the drafts of what it writes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::clock;

/// A chat action is shown for this long.
const ACTION_FOR: Duration = Duration::from_secs(5);
/// A draft disappears after this time without a new version.
const DRAFT_FOR: Duration = Duration::from_secs(30);
/// The most actions, and the most drafts, at once.
const MOST: usize = 100;

/// A chat action, such as `typing`.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) name: String,
    until: Timestamp,
}

/// A part of a message that the bot is still writing.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) text: String,
    pub(crate) entities: Option<Value>,
    until: Timestamp,
}

/// The actions and drafts of all chats.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    actions: BTreeMap<i64, Action>,
    /// By chat and id.
    drafts: BTreeMap<(i64, i64), Draft>,
}

impl Presence {
    pub(crate) fn act(&mut self, now: Timestamp, chat: i64, name: &str) {
        self.expire(now);
        if self.actions.len() < MOST {
            self.actions.insert(chat, Action { name: name.to_owned(), until: clock::later(now, ACTION_FOR) });
        }
    }

    /// Shows a draft in place of the earlier one with this id. An empty text shows that the bot thinks.
    pub(crate) fn draft(&mut self, now: Timestamp, chat: i64, id: i64, text: String, entities: Option<Value>) {
        self.expire(now);
        if self.drafts.len() < MOST {
            self.drafts.insert((chat, id), Draft { text, entities, until: clock::later(now, DRAFT_FOR) });
        }
    }

    /// The bot has written a message: it no longer types, and its drafts disappear.
    pub(crate) fn wrote(&mut self, chat: i64) {
        self.actions.remove(&chat);
        self.drafts.retain(|(of, _), _| *of != chat);
    }

    /// The person has stopped a draft.
    pub(crate) fn stop_draft(&mut self, chat: i64, id: i64) {
        self.drafts.remove(&(chat, id));
    }

    pub(crate) fn action(&self, now: Timestamp, chat: i64) -> Option<&str> {
        self.actions.get(&chat).filter(|action| action.until > now).map(|action| action.name.as_str())
    }

    /// The drafts in a chat, with their ids.
    pub(crate) fn drafts(&self, now: Timestamp, chat: i64) -> impl Iterator<Item = (i64, &Draft)> {
        let all = self.drafts.range((chat, i64::MIN)..=(chat, i64::MAX));
        all.filter(move |(_, draft)| draft.until > now).map(|((_, id), draft)| (*id, draft))
    }

    /// When the next of them disappears.
    pub(crate) fn next_end(&self) -> Option<Timestamp> {
        let actions = self.actions.values().map(|action| action.until);
        actions.chain(self.drafts.values().map(|draft| draft.until)).min()
    }

    pub(crate) fn expire(&mut self, now: Timestamp) {
        self.actions.retain(|_, action| action.until > now);
        self.drafts.retain(|_, draft| draft.until > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_shown_for_five_seconds_or_until_the_message() {
        let mut presence = Presence::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        presence.act(at(0), 1, "typing");
        assert_eq!((presence.action(at(4), 1), presence.action(at(5), 1)), (Some("typing"), None));
        assert_eq!(presence.next_end(), Some(at(5)));
        presence.draft(at(1), 1, 7, "Once".to_owned(), None);
        presence.draft(at(2), 1, 7, "Once upon".to_owned(), None);
        assert_eq!(
            presence.drafts(at(2), 1).map(|(id, draft)| (id, draft.text.as_str())).next(),
            Some((7, "Once upon"))
        );
        presence.wrote(1);
        assert_eq!(
            (presence.action(at(2), 1), presence.drafts(at(2), 1).count(), presence.next_end()),
            (None, 0, None)
        );
    }
}
