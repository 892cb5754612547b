//! The key within which updates are handled in order.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::kind::Kind;
use super::lane::Lane;

/// The deadline of an update of an express lane, from its arrival. It is shorter than that of a press of a button.
const EXPRESS: Duration = Duration::from_secs(30);

/// The key whose updates are handled one at a time and in order: a lane of a chat, of a user, or of one update. Written
/// `chat:42`, `user:42`, `update:42`, and with the name of the lane if it is not the main one: `chat:42:express`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChatKey {
    owner: Owner,
    lane: Lane,
}

/// What has lanes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Owner {
    Chat(i64),
    User(i64),
    Update(i64),
}

impl ChatKey {
    /// The main lane of a chat.
    #[must_use]
    pub const fn chat(id: i64) -> Self {
        Self { owner: Owner::Chat(id), lane: Lane::Main }
    }

    /// The main lane of a user, for an update without a chat, such as an inline query.
    #[must_use]
    pub const fn user(id: i64) -> Self {
        Self { owner: Owner::User(id), lane: Lane::Main }
    }

    /// The lane of one update, which waits for no other. For updates of a poll it is the id of the poll, so they stay in
    /// order.
    #[must_use]
    pub const fn update(id: i64) -> Self {
        Self { owner: Owner::Update(id), lane: Lane::Main }
    }

    /// Another lane of the same chat, user or update.
    #[must_use]
    pub const fn in_lane(self, lane: Lane) -> Self {
        Self { lane, ..self }
    }

    /// Whether both are lanes of the same chat, user or update.
    #[must_use]
    pub fn has_owner_of(self, other: Self) -> bool {
        self.owner == other.owner
    }

    /// The time from the arrival of an update of this kind until its answer is due. `None` if there is no deadline.
    #[must_use]
    pub fn answer_within(self, kind: &Kind) -> Option<Duration> {
        if self.lane == Lane::Express { Some(EXPRESS) } else { kind.answer_within() }
    }

    /// All lanes of the same chat, user or update.
    pub fn all_lanes(self) -> impl Iterator<Item = Self> {
        Lane::all().map(move |lane| self.in_lane(lane))
    }

    /// The id of the chat, if the key is one of a chat.
    #[must_use]
    pub const fn chat_id(self) -> Option<i64> {
        match self.owner {
            Owner::Chat(id) => Some(id),
            Owner::User(_) | Owner::Update(_) => None,
        }
    }
}

impl fmt::Display for ChatKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner {
            Owner::Chat(id) => write!(f, "chat:{id}"),
            Owner::User(id) => write!(f, "user:{id}"),
            Owner::Update(id) => write!(f, "update:{id}"),
        }?;
        if self.lane == Lane::Main { Ok(()) } else { write!(f, ":{}", self.lane.name()) }
    }
}

/// The error for a text that is not a [`ChatKey`].
#[derive(Debug, thiserror::Error)]
#[error("not a chat key (`chat:N`, `user:N` or `update:N`, and maybe a lane, as in `chat:N:express`)")]
pub struct NotAChatKey;

impl FromStr for ChatKey {
    type Err = NotAChatKey;

    fn from_str(text: &str) -> Result<Self, NotAChatKey> {
        let (owner, rest) = text.split_once(':').ok_or(NotAChatKey)?;
        let (id, lane) = match rest.split_once(':') {
            Some((id, name)) => (id, Lane::named(name).ok_or(NotAChatKey)?),
            None => (rest, Lane::Main),
        };
        let id = id.parse().or(Err(NotAChatKey))?;
        let main = match owner {
            "chat" => Self::chat(id),
            "user" => Self::user(id),
            "update" => Self::update(id),
            _ => return Err(NotAChatKey),
        };
        Ok(main.in_lane(lane))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_and_read_with_its_lane() {
        for owner in ["chat:-5", "user:7", "update:1"] {
            let main: ChatKey = owner.parse().unwrap();
            for key in main.all_lanes() {
                assert_eq!(key.to_string().parse::<ChatKey>().unwrap(), key, "{key}");
            }
            assert_eq!(main.to_string(), owner);
        }
        assert_eq!(ChatKey::chat(5).in_lane(Lane::Express).to_string(), "chat:5:express");
        for text in
            ["", "chat", "chat:", "chat:x", "bot:5", "chat:5:", "chat:5:main", "chat:5:other", "chat:5:express:"]
        {
            assert!(text.parse::<ChatKey>().is_err(), "{text}");
        }
    }
}
