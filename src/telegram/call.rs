use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// A call of a Bot API method, as data: what a handler wants done, stored with the update until it
/// is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The name of the method, such as `sendMessage`.
    pub method: String,
    /// Its parameters.
    #[serde(default)]
    pub params: Map<String, Value>,
}

impl Call {
    /// A call of `method` without parameters.
    #[must_use]
    pub fn new(method: impl Into<String>) -> Self {
        Self { method: method.into(), params: Map::new() }
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
