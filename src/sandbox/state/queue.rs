//! The queue and lifetime of an update and the delay between attempts, as `tdlib/telegram-bot-api` decides
//! them (`Client.cpp`: `add_new_*`, `add_update_*`; `WebhookActor.cpp`: `on_update_error`).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// The numbers of the queues of one kind are this far from those of another kind.
const KIND_OFFSET: i64 = 1 << 33;

/// The longest delay between attempts, in seconds, is drawn between this number and twice this number.
pub(crate) const MIN_LONGEST_DELAY: u64 = 60;

/// A longer `Retry-After`, in seconds, is cut to this.
const MAX_RETRY_AFTER: u64 = 3600;

/// The queue of an update, or 0 if it needs no order.
pub(crate) fn key(kind: &str, content: &Value) -> i64 {
    let id = |path: &str| content.pointer(path).and_then(number);
    let offset = |path: &str, times: i64| id(path).map(|id| id.wrapping_add(times * KIND_OFFSET));
    let key = match kind {
        "message" | "edited_message" | "channel_post" | "edited_channel_post" => id("/chat/id"),
        "inline_query" => offset("/from/id", 1),
        "chosen_inline_result" => offset("/from/id", 2),
        "callback_query" => offset("/from/id", 3),
        "shipping_query" | "pre_checkout_query" => offset("/from/id", 4),
        "poll" => id("/id"),
        "poll_answer" => id("/poll_id"),
        "my_chat_member" => offset("/chat/id", 5),
        "chat_member" => offset("/new_chat_member/user/id", 6),
        "chat_join_request" => offset("/from/id", 6),
        "chat_boost" | "removed_chat_boost" => offset("/chat/id", 7),
        "message_reaction" => offset("/chat/id", 8),
        "message_reaction_count" => offset("/chat/id", 9),
        "business_connection" => offset("/user/id", 10),
        "business_message" | "edited_business_message" | "deleted_business_messages" => offset("/chat/id", 11),
        "guest_message" => offset("/chat/id", 12),
        "purchased_paid_media" => offset("/from/id", 12),
        "managed_bot" => offset("/user/id", 13),
        _ => None,
    };
    key.unwrap_or(0)
}

/// The last second of Unix time in which an update is delivered.
pub(crate) fn expires_at(kind: &str, content: &Value, now: Timestamp) -> i64 {
    let lifetime = match kind {
        "inline_query" => 30,
        "callback_query" | "shipping_query" | "pre_checkout_query" => 150,
        "chosen_inline_result" | "custom_event" => 600,
        _ => 86_400,
    };
    let dated = matches!(
        kind,
        "message"
            | "edited_message"
            | "channel_post"
            | "edited_channel_post"
            | "my_chat_member"
            | "chat_member"
            | "chat_join_request"
            | "chat_boost"
            | "removed_chat_boost"
            | "message_reaction"
            | "message_reaction_count"
            | "guest_message"
    );
    let date = content.get("edit_date").or_else(|| content.get("date")).and_then(Value::as_i64);
    date.filter(|_| dated).unwrap_or(now.as_second()) + lifetime
}

/// An integer, or a string that holds one, such as the id of a poll.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// The delay before the next attempt to deliver an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetryDelay {
    has_failed: bool,
    /// The latest delay of our own, in seconds.
    delay: u64,
}

impl Default for RetryDelay {
    fn default() -> Self {
        Self { has_failed: false, delay: 1 }
    }
}

impl RetryDelay {
    /// The delay after one more failure. It is zero after the first one, then 2 s, doubled up to `max_delay`
    /// seconds. A `retry_after` of the receiver's replaces it and does not advance the doubling.
    pub(crate) fn next(&mut self, retry_after: u64, max_delay: u64) -> Duration {
        let mut delay = retry_after.min(MAX_RETRY_AFTER);
        if delay == 0 && self.has_failed {
            self.delay = max_delay.min(self.delay * 2);
            delay = self.delay;
        }
        self.has_failed = true;
        Duration::from_secs(delay)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_of_one_chat_share_a_queue_and_their_buttons_have_another() {
        let message = json!({"chat": {"id": -5}, "from": {"id": 7}});
        for kind in ["message", "edited_message", "channel_post", "edited_channel_post"] {
            assert_eq!(key(kind, &message), -5);
        }
        let query = json!({"from": {"id": 7}, "message": {"chat": {"id": 7}}});
        assert_eq!(key("callback_query", &query), 7 + 3 * KIND_OFFSET);
        assert_eq!(key("inline_query", &query), 7 + KIND_OFFSET);
        assert_eq!(key("chat_member", &json!({"new_chat_member": {"user": {"id": 9}}})), 9 + 6 * KIND_OFFSET);
        assert_eq!(key("poll", &json!({"id": "5447"})), 5447);
        assert_eq!(key("custom_event", &message), 0);
        assert_eq!(key("message", &json!({})), 0);
    }

    #[test]
    fn the_lifetime_of_an_update_depends_on_its_kind() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let life = |kind, content: Value| expires_at(kind, &content, now) - 1_700_000_000;
        assert_eq!(life("inline_query", json!({})), 30);
        assert_eq!(life("callback_query", json!({"message": {"date": 1}})), 150);
        assert_eq!(life("message", json!({"date": 1_699_999_900})), 86_300);
        assert_eq!(life("edited_message", json!({"date": 5, "edit_date": 1_699_999_990})), 86_390);
        assert_eq!(life("business_message", json!({"date": 5})), 86_400);
    }

    #[test]
    fn the_delay_doubles_from_two_seconds_up_to_the_maximum() {
        let mut retry = RetryDelay::default();
        let delays: Vec<u64> = (0..9).map(|_| retry.next(0, 75).as_secs()).collect();
        assert_eq!(delays, [0, 2, 4, 8, 16, 32, 64, 75, 75]);
    }

    #[test]
    fn retry_after_is_obeyed_and_does_not_advance_the_doubling() {
        let mut retry = RetryDelay::default();
        let delays: Vec<u64> = [0, 3, 3, 9999, 0, 0].map(|asked| retry.next(asked, 60).as_secs()).to_vec();
        assert_eq!(delays, [0, 3, 3, 3600, 2, 4]);
    }
}
