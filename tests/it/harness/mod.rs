//! What the tests share: the service as production starts it, wired to a sandbox of its own.

mod app;
mod binary;
mod http;
mod wire;

pub use app::SECRET;
pub use app::{TestApp, Wanted};
pub use binary::Program;
pub use http::{Answer, post, raw};
pub use wire::Wire;

use doorbell::update::UpdateId;
use serde_json::{Value, json};

/// An update that carries a text message of a private chat.
pub fn message(id: i64, chat: i64, text: &str) -> Value {
    json!({ "update_id": id, "message": {
        "message_id": id, "date": 1_700_000_000, "text": text,
        "chat": { "id": chat, "type": "private", "first_name": "Ann" },
        "from": { "id": chat, "is_bot": false, "first_name": "Ann" },
    } })
}

/// The number of an update.
pub fn id(update: &Value) -> UpdateId {
    UpdateId(update["update_id"].as_i64().expect("an update has a number"))
}
