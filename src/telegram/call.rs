use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A call of a Bot API method, as data: what a handler wants done, stored with the update until it
/// is done.
///
/// Stored as JSON. A version of the program that does not know a field passes over it, and one that
/// misses a field takes its default: two versions may share a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The name of the method, such as `sendMessage`.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
    /// What it answers, for the log: `/start`, `fallback`. Not sent to Telegram.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Cow<'static, str>>,
    /// How often it was sent with an unknown outcome.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) unknown_outcomes: u32,
    /// Why Telegram refused it. It waits for the other calls of its update, and is not made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) refused: Option<String>,
}

/// No method of the Bot API has a longer name.
const METHOD_MOST: usize = 64;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl Call {
    /// A call of `method` without parameters.
    #[must_use]
    pub fn new(method: impl Into<String>) -> Self {
        Self { method: method.into(), params: Map::new(), origin: None, unknown_outcomes: 0, refused: None }
    }

    /// The same call, with the name of what it answers: log lines and dead-letter updates name it.
    #[must_use]
    pub fn answering(mut self, origin: impl Into<Cow<'static, str>>) -> Self {
        self.origin = Some(origin.into());
        self
    }

    /// What the call answers; `handler` where nobody said.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.origin.as_deref().unwrap_or("handler")
    }

    /// The same call with one more parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.params.insert(name.to_owned(), value.into());
        self
    }

    /// `sendMessage` of a plain text to a chat.
    #[must_use]
    pub fn send_message(chat_id: i64, text: impl Into<String>) -> Self {
        Self::new("sendMessage").with("chat_id", chat_id).with("text", text.into())
    }

    /// `setMyCommands`: what a Telegram client offers when a person types `/`, as pairs of a name
    /// (without the slash) and its description.
    #[must_use]
    pub fn set_my_commands<'a>(commands: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let commands: Vec<Value> = commands
            .into_iter()
            .map(|(command, description)| json!({ "command": command, "description": description }))
            .collect();
        Self::new("setMyCommands").with("commands", commands)
    }

    /// The method's name, for the log. It may come from anybody's bot: what is no name is not repeated.
    #[must_use]
    pub fn method_name(&self) -> &str {
        let is_name = self.method.len() <= METHOD_MOST && self.method.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name { &self.method } else { "call" }
    }

    /// The chat the call is for, where it names one by number.
    #[must_use]
    pub fn chat_id(&self) -> Option<i64> {
        self.params.get("chat_id").and_then(Value::as_i64)
    }

    /// The same call for the chat that `from` has become, where it was for that chat.
    pub fn follow(&mut self, from: &Value, to: i64) {
        if let Some(chat) = self.params.get_mut("chat_id").filter(|chat| *chat == from) {
            *chat = to.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How an older version stores and reads a call.
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Before {
        method: String,
        #[serde(default)]
        params: Map<String, Value>,
    }

    #[test]
    fn a_kept_call_is_read_by_an_older_version_and_one_of_an_older_version_is_read() {
        let mut call = Call::send_message(7, "a").answering("/start");
        (call.unknown_outcomes, call.refused) = (2, Some("400".to_owned()));
        let stored = serde_json::to_string(&call).unwrap();
        assert_eq!(serde_json::from_str::<Call>(&stored).unwrap(), call);
        let before: Before = serde_json::from_str(&stored).unwrap();
        assert_eq!((&before.method, &before.params), (&call.method, &call.params));
        let read: Call = serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
        assert_eq!(read, Call::send_message(7, "a"));
    }

    #[test]
    fn a_call_without_a_history_is_stored_without_one() {
        let stored = serde_json::to_value(Call::new("getMe")).unwrap();
        assert_eq!(stored, json!({ "method": "getMe", "params": {} }));
    }
}
