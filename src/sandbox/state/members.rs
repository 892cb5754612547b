//! The members of chats whose status is not the usual one, and what the other members of a chat may do.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// The most members, and the most chats, that are remembered.
const MOST: usize = 10_000;

/// The status of members, by chat and user.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// The fields of a `ChatMember` apart from `user`.
    statuses: HashMap<(i64, i64), Map<String, Value>>,
    /// The `ChatPermissions` of each chat that has others than the usual ones.
    permissions: HashMap<i64, Value>,
}

impl Members {
    /// Gives a member this status, with the fields of a `ChatMember`.
    pub(crate) fn set(&mut self, chat: i64, user: i64, status: &str, mut fields: Map<String, Value>) {
        if self.statuses.len() < MOST {
            fields.insert("status".to_owned(), json!(status));
            self.statuses.insert((chat, user), fields);
        }
    }

    /// Makes the user an ordinary member.
    pub(crate) fn reset(&mut self, chat: i64, user: i64) {
        self.statuses.remove(&(chat, user));
    }

    pub(crate) fn status(&self, chat: i64, user: i64) -> &str {
        self.statuses.get(&(chat, user)).and_then(|fields| fields["status"].as_str()).unwrap_or("member")
    }

    /// The `ChatMember`, apart from `user`.
    pub(crate) fn get(&self, chat: i64, user: i64) -> Map<String, Value> {
        let usual = || Map::from_iter([("status".to_owned(), json!("member"))]);
        self.statuses.get(&(chat, user)).cloned().unwrap_or_else(usual)
    }

    /// The administrators of a chat: their ids and the fields of their `ChatMember`.
    pub(crate) fn administrators(&self, chat: i64) -> Vec<(i64, Map<String, Value>)> {
        let of_chat =
            self.statuses.iter().filter(|((of, _), fields)| *of == chat && fields["status"] == "administrator");
        let mut found: Vec<_> = of_chat.map(|((_, user), fields)| (*user, fields.clone())).collect();
        found.sort_by_key(|(user, _)| *user);
        found
    }

    pub(crate) fn set_permissions(&mut self, chat: i64, permissions: Value) {
        if self.permissions.len() < MOST {
            self.permissions.insert(chat, permissions);
        }
    }

    pub(crate) fn permissions(&self, chat: i64) -> Option<&Value> {
        self.permissions.get(&chat)
    }

    /// Whether this user may write in the chat.
    pub(crate) fn may_write(&self, chat: i64, user: i64) -> bool {
        match self.status(chat, user) {
            "kicked" | "left" => false,
            "restricted" => self.statuses[&(chat, user)].get("can_send_messages") != Some(&json!(false)),
            "administrator" => true,
            _ => self.permissions.get(&chat).is_none_or(|permissions| permissions["can_send_messages"] != false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_who_is_banned_or_muted_may_not_write() {
        let mut members = Members::default();
        assert!(members.may_write(-10, 2));
        members.set(-10, 2, "kicked", Map::new());
        assert!(!members.may_write(-10, 2) && members.may_write(-10, 3) && members.may_write(-11, 2));
        members.reset(-10, 2);
        let muted = Map::from_iter([("can_send_messages".to_owned(), json!(false))]);
        members.set(-10, 3, "restricted", muted);
        assert!(members.may_write(-10, 2) && !members.may_write(-10, 3));
        members.set_permissions(-10, json!({"can_send_messages": false}));
        members.set(-10, 1, "administrator", Map::new());
        assert!(members.may_write(-10, 1) && !members.may_write(-10, 2));
    }
}
