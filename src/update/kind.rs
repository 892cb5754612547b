use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What an update is about: the name of its one field beside `update_id`, such as `message`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kind(Cow<'static, str>);

/// What we know of a kind.
struct KindFacts {
    name: &'static str,
    /// Seconds for which Telegram keeps trying to deliver it.
    lifetime: u64,
    /// Whether Telegram counts the lifetime from the update's `date` (`edit_date`), not from the
    /// moment at which the update came to be.
    dated: bool,
}

const fn dated(name: &'static str) -> KindFacts {
    KindFacts { name, lifetime: 86_400, dated: true }
}

const fn lasting(name: &'static str, lifetime: u64) -> KindFacts {
    KindFacts { name, lifetime, dated: false }
}

/// Every kind the Bot API 10.3 sends, those that are frequent first. The lifetimes are those of Bot API 10.0
/// (`tdlib/telegram-bot-api`, `Client.cpp`: `add_message_update`, `add_new_*`, `add_update_*`); what came after
/// it has the longest.
const KINDS: [KindFacts; 29] = [
    dated("message"),
    lasting("callback_query", 150),
    lasting("inline_query", 30),
    dated("edited_message"),
    dated("channel_post"),
    dated("edited_channel_post"),
    lasting("chosen_inline_result", 600),
    lasting("shipping_query", 150),
    lasting("pre_checkout_query", 150),
    lasting("poll", 86_400),
    lasting("poll_answer", 86_400),
    dated("my_chat_member"),
    dated("chat_member"),
    dated("chat_join_request"),
    dated("chat_boost"),
    dated("removed_chat_boost"),
    dated("message_reaction"),
    dated("message_reaction_count"),
    lasting("business_connection", 86_400),
    lasting("business_message", 86_400),
    lasting("edited_business_message", 86_400),
    lasting("deleted_business_messages", 86_400),
    dated("guest_message"),
    lasting("purchased_paid_media", 86_400),
    lasting("managed_bot", 86_400),
    lasting("custom_event", 600),
    lasting("custom_query", 86_400),
    lasting("subscription", 86_400),
    lasting("stopped_message_generation", 86_400),
];

impl Kind {
    /// The kind of that name, known to us or not.
    #[must_use]
    pub fn named(name: &str) -> Self {
        match KINDS.iter().find(|kind| kind.name == name) {
            Some(kind) => Self(Cow::Borrowed(kind.name)),
            None => Self(Cow::Owned(name.to_owned())),
        }
    }

    /// The kind of an update that has no field beside its id.
    #[must_use]
    pub fn none() -> Self {
        Self(Cow::Borrowed("none"))
    }

    /// The names of the kinds we know.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KINDS.iter().map(|kind| kind.name)
    }

    /// The name, as in the update's JSON.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0
    }

    /// How long Telegram itself goes on delivering an update of this kind: a day where we know
    /// nothing better.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.facts().map_or(86_400, |kind| kind.lifetime))
    }

    /// Whether Telegram counts the lifetime from the date that the update names.
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
