//! Chooses the key within which an update is handled in order.

use super::chat_key::ChatKey;
use super::express::Express;
use super::head::Content;
use super::kind::Kind;
use super::lane::Lane;

/// How updates are kept in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Which updates wait for each other.
    pub by: OrderBy,
    /// Which updates do not wait for the others of their chat, beside the kind `stopped_message_generation`.
    pub express: Vec<Express>,
}

/// Which updates wait for each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(rename_all = "lowercase")]
pub enum OrderBy {
    /// All of a chat; of a user, if they have no chat.
    #[default]
    Chat,
    /// Those that Telegram itself sends one after another.
    Telegram,
}

/// The kind of an update that says that a person stops what the bot is writing. It never waits behind that.
const STOP: &str = "stopped_message_generation";

impl Order {
    /// The key of an update with this content. `id` is its own id.
    pub(super) fn key(&self, content: &Content, kind: &Kind, id: i64, body: &[u8]) -> ChatKey {
        let key = match self.by {
            OrderBy::Chat => by_chat(content, kind, id),
            OrderBy::Telegram => by_telegram(content, kind, id),
        };
        let is_express = kind.name() == STOP || Express::any_matches(&self.express, kind, body);
        if is_express { by_chat(content, kind, id).in_lane(Lane::Express) } else { key }
    }
}

/// The chat, else the user, else the update itself.
fn by_chat(content: &Content, kind: &Kind, id: i64) -> ChatKey {
    match (content.chat, content.user) {
        (Some(chat), _) => ChatKey::chat(chat),
        (None, Some(user)) => ChatKey::user(user),
        // A poll has neither. Its updates stay in order.
        (None, None) => ChatKey::update(content.id.filter(|_| kind.name() == "poll").unwrap_or(id)),
    }
}

/// The queue in which Telegram keeps the update (Bot API 10.0, `tdlib/telegram-bot-api`, `Client.cpp`:
/// `add_message_update`, `add_new_*`, `add_update_*`). Kinds that are newer are kept by chat.
fn by_telegram(content: &Content, kind: &Kind, id: i64) -> ChatKey {
    let (owner, lane) = match kind.name() {
        "inline_query" => (content.user.map(ChatKey::user), Lane::InlineQuery),
        "chosen_inline_result" => (content.user.map(ChatKey::user), Lane::ChosenInlineResult),
        "callback_query" => (content.user.map(ChatKey::user), Lane::CallbackQuery),
        "shipping_query" | "pre_checkout_query" => (content.user.map(ChatKey::user), Lane::Payment),
        "poll_answer" => (content.poll.map(ChatKey::update), Lane::Main),
        "my_chat_member" => (content.chat.map(ChatKey::chat), Lane::MyChatMember),
        "chat_member" => (content.member.map(ChatKey::user), Lane::Member),
        "chat_join_request" => (content.user.map(ChatKey::user), Lane::Member),
        "chat_boost" | "removed_chat_boost" => (content.chat.map(ChatKey::chat), Lane::Boost),
        "message_reaction" => (content.chat.map(ChatKey::chat), Lane::Reaction),
        "message_reaction_count" => (content.chat.map(ChatKey::chat), Lane::ReactionCount),
        "business_connection" => (content.user.map(ChatKey::user), Lane::BusinessConnection),
        "business_message" | "edited_business_message" | "deleted_business_messages" => {
            (content.chat.map(ChatKey::chat), Lane::Business)
        }
        "guest_message" => (content.chat.map(ChatKey::chat), Lane::Guest),
        "purchased_paid_media" => (content.user.map(ChatKey::user), Lane::PaidMedia),
        "managed_bot" => (content.user.map(ChatKey::user), Lane::ManagedBot),
        _ => (None, Lane::Main),
    };
    owner.map_or_else(|| by_chat(content, kind, id), |owner| owner.in_lane(lane))
}
