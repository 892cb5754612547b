//! Which queue an update waits in, how long it lives and when it is tried again: as the sender of
//! `tdlib/telegram-bot-api` decides it (`Client.cpp`: `add_new_*`, `add_update_*`;
//! `WebhookActor.cpp`: `on_update_error`).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// Queues of one kind lie this far from those of another.
const APART: i64 = 1 << 33;

/// No attempt waits longer than a moment drawn from this many seconds to twice as many.
pub(super) const LONGEST_WAIT: u64 = 60;

/// A receiver's `Retry-After` counts for at most so many seconds.
const LONGEST_RETRY_AFTER: u64 = 3600;

/// The queue of an update, 0 for one that waits for nobody.
pub(super) fn key(kind: &str, content: &Value) -> i64 {
    let id = |path: &str| content.pointer(path).and_then(number);
    let apart = |path: &str, times: i64| id(path).map(|id| id.wrapping_add(times * APART));
    let key = match kind {
        "message" | "edited_message" | "channel_post" | "edited_channel_post" => id("/chat/id"),
        "inline_query" => apart("/from/id", 1),
        "chosen_inline_result" => apart("/from/id", 2),
        "callback_query" => apart("/from/id", 3),
        "shipping_query" | "pre_checkout_query" => apart("/from/id", 4),
        "poll" => id("/id"),
        "poll_answer" => id("/poll_id"),
        "my_chat_member" => apart("/chat/id", 5),
        "chat_member" => apart("/new_chat_member/user/id", 6),
        "chat_join_request" => apart("/from/id", 6),
        "chat_boost" | "removed_chat_boost" => apart("/chat/id", 7),
        "message_reaction" => apart("/chat/id", 8),
        "message_reaction_count" => apart("/chat/id", 9),
        "business_connection" => apart("/user/id", 10),
        "business_message" | "edited_business_message" | "deleted_business_messages" => apart("/chat/id", 11),
        "guest_message" => apart("/chat/id", 12),
        "purchased_paid_media" => apart("/from/id", 12),
        "managed_bot" => apart("/user/id", 13),
        _ => None,
    };
    key.unwrap_or(0)
}

/// The second of Unix time after which an update is not delivered any more.
pub(super) fn expires_at(kind: &str, content: &Value, now: Timestamp) -> i64 {
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

/// An integer, or one written as a text as the ids of polls are.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// How often an update has failed, and how long it waited last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failures {
    count: u32,
    delay: u64,
}

impl Default for Failures {
    fn default() -> Self {
        Self { count: 0, delay: 1 }
    }
}

impl Failures {
    /// Counts one more failure, and tells how long to wait: not at all after the first, then 2 s,
    /// doubled up to `longest`; or what the receiver asked for, which leaves the doubling where it
    /// was.
    pub(super) fn wait(&mut self, retry_after: u64, longest: u64) -> Duration {
        let asked = retry_after.min(LONGEST_RETRY_AFTER);
        let mut wait = asked;
        if asked == 0 && self.count > 0 {
            self.delay = longest.min(self.delay * 2);
            wait = self.delay;
        }
        self.count += 1;
        Duration::from_secs(wait)
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
        assert_eq!(key("callback_query", &query), 7 + 3 * APART);
        assert_eq!(key("inline_query", &query), 7 + APART);
        assert_eq!(key("chat_member", &json!({"new_chat_member": {"user": {"id": 9}}})), 9 + 6 * APART);
        assert_eq!(key("poll", &json!({"id": "5447"})), 5447);
        assert_eq!(key("custom_event", &message), 0);
        assert_eq!(key("message", &json!({})), 0);
    }

    #[test]
    fn an_update_lives_as_long_as_its_kind() {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        let life = |kind, content: Value| expires_at(kind, &content, now) - 1_700_000_000;
        assert_eq!(life("inline_query", json!({})), 30);
        assert_eq!(life("callback_query", json!({"message": {"date": 1}})), 150);
        assert_eq!(life("message", json!({"date": 1_699_999_900})), 86_300);
        assert_eq!(life("edited_message", json!({"date": 5, "edit_date": 1_699_999_990})), 86_390);
        assert_eq!(life("business_message", json!({"date": 5})), 86_400);
    }

    #[test]
    fn waits_double_from_two_seconds_up_to_the_longest() {
        let mut failures = Failures::default();
        let waits: Vec<u64> = (0..9).map(|_| failures.wait(0, 75).as_secs()).collect();
        assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 75, 75]);
    }

    #[test]
    fn retry_after_is_kept_to_and_does_not_advance_the_doubling() {
        let mut failures = Failures::default();
        let waits: Vec<u64> = [0, 3, 3, 9999, 0, 0].map(|asked| failures.wait(asked, 60).as_secs()).to_vec();
        assert_eq!(waits, [0, 3, 3, 3600, 2, 4]);
    }
}
