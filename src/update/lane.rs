//! The lanes of a chat or a user.

/// A lane of a chat or a user. Updates of different lanes do not wait for each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The messages, and with the default order everything else.
    #[default]
    Main,
    /// What must not wait behind the update that it stops.
    Express,
    /// Inline queries.
    InlineQuery,
    /// Chosen inline results.
    ChosenInlineResult,
    /// Presses of buttons.
    CallbackQuery,
    /// Shipping and pre-checkout queries.
    Payment,
    /// Changes of the bot's own membership.
    MyChatMember,
    /// Changes of other members, and requests to join.
    Member,
    /// Boosts.
    Boost,
    /// Reactions of persons.
    Reaction,
    /// Counts of anonymous reactions.
    ReactionCount,
    /// Connections of business accounts.
    BusinessConnection,
    /// Messages of business accounts.
    Business,
    /// Messages of guests.
    Guest,
    /// Purchases of paid media.
    PaidMedia,
    /// Bots that are managed by this one.
    ManagedBot,
}

/// All lanes with their names. The main lane has none.
const LANES: [(Lane, &str); 16] = [
    (Lane::Main, ""),
    (Lane::Express, "express"),
    (Lane::InlineQuery, "inline_query"),
    (Lane::ChosenInlineResult, "chosen_inline_result"),
    (Lane::CallbackQuery, "callback_query"),
    (Lane::Payment, "payment"),
    (Lane::MyChatMember, "my_chat_member"),
    (Lane::Member, "member"),
    (Lane::Boost, "boost"),
    (Lane::Reaction, "reaction"),
    (Lane::ReactionCount, "reaction_count"),
    (Lane::BusinessConnection, "business_connection"),
    (Lane::Business, "business"),
    (Lane::Guest, "guest"),
    (Lane::PaidMedia, "paid_media"),
    (Lane::ManagedBot, "managed_bot"),
];

impl Lane {
    /// All lanes, the main one first.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        LANES.iter().map(|(lane, _)| *lane)
    }

    /// The name in a [`ChatKey`](super::ChatKey); empty for the main lane.
    pub(super) fn name(self) -> &'static str {
        LANES.iter().find(|(lane, _)| *lane == self).map_or("", |(_, name)| name)
    }

    /// The lane with this name. The main lane has no name.
    pub(super) fn named(name: &str) -> Option<Self> {
        LANES.iter().skip(1).find(|(_, known)| *known == name).map(|(lane, _)| *lane)
    }
}
