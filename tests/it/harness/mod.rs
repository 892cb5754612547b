//! The test harness: it starts the service as production does, with its own sandbox as Telegram.

mod app;
mod binary;
mod browse;
mod canary;
mod clock;
mod collector;
mod echo;
mod fake_bot_api;
mod handler_fn;
mod http;
mod keep_alive_client;
mod log;
pub mod postgres;
mod proxy;
mod raw_connection;
mod sandbox_process;
mod tools;
pub mod waiting;

pub use app::{SECRET, TestApp, TestAppBuilder, count_calls, free_port, start_sandbox};
pub use binary::{CommandOutput, Program, run, run_openly, until, until_at_intervals};
pub(crate) use browse::browse_through_inbox;
pub use canary::{MARK, Watch, assert_no_secret};
pub use clock::SteppedClock;
pub(crate) use collector::{Collector, Exported};
pub(crate) use echo::{echo_settings, echo_variables, serve_echo, serve_echo_at};
pub(crate) use fake_bot_api::{FakeBotApi, SentMessage};
pub(crate) use handler_fn::{HandlerFn, handler_fn, text};
pub use http::{Answer, ask, fetch, get, post, raw};
pub(crate) use keep_alive_client::KeepAliveClient;
pub use log::Log;
pub(crate) use proxy::Proxy;
pub use raw_connection::RawConnection;
pub use sandbox_process::SandboxProcess;
pub(crate) use tools::skip_without;

use doorbell::update::UpdateId;
use serde_json::{Value, json};

/// An update with a text message of a private chat.
pub fn message(id: i64, chat: i64, text: &str) -> Value {
    json!({ "update_id": id, "message": {
        "message_id": id, "date": 1_700_000_000, "text": text,
        "chat": { "id": chat, "type": "private", "first_name": "Ann" },
        "from": { "id": chat, "is_bot": false, "first_name": "Ann" },
    } })
}

/// Prints a line that is visible even when the test passes.
pub fn print_line(line: &str) {
    use std::io::Write;
    // The test runner captures what the print macros write.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The id of an update.
pub fn id(update: &Value) -> UpdateId {
    UpdateId(update["update_id"].as_i64().expect("an update has an id"))
}
