use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A call of a Bot API method, as data. A handler returns it, and it is stored with the update until it is made.
///
/// It is stored as JSON. A version of the program ignores a field that it does not know, and uses the default for a
/// missing one. So two versions can share a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The name of the method, such as `sendMessage`.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// The body to send instead of `params`, byte for byte. `params` then holds only what this program reads of it: the
    /// `chat_id`, for the rate limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) body: Option<RawBody>,
    /// What the call answers, such as `/start` or `fallback`. It is for the log, and is not sent to Telegram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Cow<'static, str>>,
    /// How often the call was sent with an unknown outcome.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) unknown_outcomes: u32,
    /// Why Telegram refused the call. It is not made again, and is stored until the other calls of its update are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// The body of a call as a bot of another framework wrote it: JSON, a form or multipart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawBody {
    /// The value of `Content-Type`.
    pub content_type: String,
    /// The bytes, in base64 where the call is stored.
    #[serde(with = "base64_bytes")]
    pub bytes: Bytes,
}

/// Bytes as base64 in JSON.
mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use bytes::Bytes;
    use serde::de::{Deserializer, Error};
    use serde::{Deserialize, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Bytes::from).map_err(D::Error::custom)
    }
}

/// The names of the Bot API's methods are shorter than this.
const LONGEST_METHOD: usize = 64;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Call {
    /// A call of `method` without parameters.
    #[must_use]
    pub fn new(method: impl Into<String>) -> Self {
        Self { method: method.into(), params: Map::new(), body: None, origin: None, unknown_outcomes: 0, refused: None }
    }

    /// Adds what the call answers. Log lines and dead-letter updates name it.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<Cow<'static, str>>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// What the call answers. The default is `handler`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or("handler")
    }

    /// Sends this body instead of the parameters.
    #[must_use]
    pub fn with_body(mut self, body: RawBody) -> Self {
        self.body = Some(body);
        self
    }

    /// Adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// A `sendMessage` call with a plain text.
    #[must_use]
    pub fn send_message(chat_id: i64, text: impl Into<String>) -> Self {
        Self::new("sendMessage").with("chat_id", chat_id).with("text", text.into())
    }

    /// A `setMyCommands` call. Telegram's clients offer these commands when a person types `/`. Each command is a name
    /// without the slash and a description.
    #[must_use]
    pub fn set_my_commands<'a>(commands: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let commands: Vec<Value> = commands
            .into_iter()
            .map(|(command, description)| json!({ "command": command, "description": description }))
            .collect();
        Self::new("setMyCommands").with("commands", commands)
    }

    /// The name of the method for the log, or `call` if a handler returned something that is no name.
    #[must_use]
    pub fn method_name(&self) -> &str {
        let is_name =
            self.method.len() <= LONGEST_METHOD && self.method.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name { &self.method } else { "call" }
    }

    /// The id of the chat, if the call names a chat by its id.
    #[must_use]
    pub fn chat_id(&self) -> Option<i64> {
        self.params.get("chat_id").and_then(Value::as_i64)
    }

    /// Changes the chat of the call to `to`, if it was `from`.
    pub fn change_chat(&mut self, from: &Value, to: i64) {
        if let Some(chat) = self.params.get_mut("chat_id").filter(|chat| *chat == from) {
            *chat = to.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call as an older version stores and reads it.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Before {
        method: String,
        #[serde(default)]
        params: Map<String, Value>,
    }

    #[test]
    fn an_older_version_reads_a_stored_call_and_the_other_way_round() {
        let mut call = Call::send_message(7, "a").with_origin("/start");
        (call.unknown_outcomes, call.refused) = (2, Some("400".to_owned()));
        let stored = serde_json::to_string(&call).unwrap();
        assert_eq!(serde_json::from_str::<Call>(&stored).unwrap(), call);
        let before: Before = serde_json::from_str(&stored).unwrap();
        assert_eq!((&before.method, &before.params), (&call.method, &call.params));
        let read: Call = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        assert_eq!(read, Call::send_message(7, "a"));
    }

    #[test]
    fn a_new_call_is_stored_without_empty_fields() {
        let stored = serde_json::to_value(Call::new("getMe")).unwrap();
        assert_eq!(stored, json!({ "method": "getMe", "params": {} }));
    }
}
