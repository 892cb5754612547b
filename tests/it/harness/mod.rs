//! What the tests share: the service as production starts it, wired to a sandbox of its own.

mod app;
mod binary;
mod bot_api;
mod canary;
mod clock;
mod collector;
mod echo;
mod handler_fn;
mod http;
mod keep_alive_client;
mod log;
mod playground;
pub mod postgres;
mod proxy;
pub mod waiting;
mod wire;

pub use app::{SECRET, TestApp, TestAppBuilder, count, free_port, telegram};
pub use binary::{CommandOutput, Program, run, run_openly, until};
pub(crate) use bot_api::{FakeBotApi, SentMessage};
pub use canary::{MARK, assert_no_secret};
pub use clock::SteppedClock;
pub(crate) use collector::{Collector, Exported};
pub(crate) use echo::{echo_settings, echo_variables, serve_echo, serve_echo_at};
pub(crate) use handler_fn::{handler_fn, text};
pub use http::{Answer, fetch, get, post, raw};
pub(crate) use keep_alive_client::KeepAliveClient;
pub use log::Log;
pub use playground::SandboxProcess;
pub(crate) use proxy::Proxy;
pub use wire::RawConnection;

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

/// Says something to whoever runs the tests, also when they pass.
pub fn print_line(line: &str) {
    use std::io::Write;
    // The macros would be caught by the test runner.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The number of an update.
pub fn id(update: &Value) -> UpdateId {
    UpdateId(update["update_id"].as_i64().expect("an update has a number"))
}
