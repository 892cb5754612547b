//! The kinds of updates, and how long Telegram delivers each.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The kind of an update: the name of its one field other than `update_id`, such as `message`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

/// What Telegram does with updates of a kind.
struct KindFacts {
    name: &'static str,
    /// For how many seconds Telegram tries to deliver it.
    lifetime: u64,
    /// Whether the lifetime starts at the update's `date` (`edit_date`), and not when Telegram created the update.
    dated: bool,
}

const fn dated(name: &'static str) -> KindFacts {
    KindFacts { name, lifetime: 86_400, dated: true }
}

const fn undated(name: &'static str, lifetime: u64) -> KindFacts {
    KindFacts { name, lifetime, dated: false }
}

/// Every kind of Bot API 10.3, the frequent ones first. The lifetimes are those of Bot API 10.0
/// (`tdlib/telegram-bot-api`, `Client.cpp`: `add_message_update`, `add_new_*`, `add_update_*`). Later kinds have the
/// longest.
const KINDS: [KindFacts; 29] = [
    dated("message"),
    undated("callback_query", 150),
    undated("inline_query", 30),
    dated("edited_message"),
    dated("channel_post"),
    dated("edited_channel_post"),
    undated("chosen_inline_result", 600),
    undated("shipping_query", 150),
    undated("pre_checkout_query", 150),
    undated("poll", 86_400),
    undated("poll_answer", 86_400),
    dated("my_chat_member"),
    dated("chat_member"),
    dated("chat_join_request"),
    dated("chat_boost"),
    dated("removed_chat_boost"),
    dated("message_reaction"),
    dated("message_reaction_count"),
    undated("business_connection", 86_400),
    undated("business_message", 86_400),
    undated("edited_business_message", 86_400),
    undated("deleted_business_messages", 86_400),
    dated("guest_message"),
    undated("purchased_paid_media", 86_400),
    undated("managed_bot", 86_400),
    undated("custom_event", 600),
    undated("custom_query", 86_400),
    undated("subscription", 86_400),
    undated("stopped_message_generation", 86_400),
];

impl Kind {
    /// The kind of that name, which may be unknown.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => Self(Cow::Borrowed(kind.name)),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// The kind of an update that has no field but its id.
    #[must_use]
    pub fn none() -> Self {
        Self(Cow::Borrowed("none"))
    }

    /// The names of the known kinds.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }

    /// The name in the JSON of the update.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// How long Telegram tries to deliver an update of this kind; a day for unknown kinds.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.facts().map_or(86_400, |kind| kind.lifetime))
    }

    /// The time from its arrival until Telegram, or the person, needs the answer. `None` if there is no deadline.
    ///
    /// The times for pre-checkout and join queries are from the documentation of the Bot API (10.3), those of inline and
    /// callback queries are their lifetimes.
    #[must_use]
    pub fn answer_within(&self) -> Option<Duration> {
        let seconds = match self.name() {
            "pre_checkout_query" | "chat_join_request" => 10,
            "inline_query" => 30,
            "callback_query" | "shipping_query" => 150,
            _ => return None,
        };
        Some(Duration::from_secs(seconds))
    }

    /// Whether the lifetime starts at the date in the update.
    pub(super) fn is_dated(&self) -> bool {
        self.facts().is_some_and(|kind| kind.dated)
    }

    fn facts(&self) -> Option<&'static KindFacts> {
        KINDS.iter().find(|kind| kind.name == self.0)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
