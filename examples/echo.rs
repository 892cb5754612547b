//! A bot in Rust: it says what it was told.
//!
//! To try it without a bot token, start a simulated Telegram alone:
//!
//! ```text
//! cargo run -- sandbox --only-telegram
//! ```
//!
//! It prints the variables that lead a bot to it, as lines to paste in a second terminal, and how to
//! write to the bot. After them:
//!
//! ```text
//! cargo run --example echo
//! ```
//!
//! With Telegram itself:
//!
//! ```text
//! TELEGRAM_BOT_TOKEN=… PUBLIC_URL=https://bot.example.org cargo run --example echo
//! ```

use std::process::ExitCode;
use std::sync::Arc;

use doorbell::app::{App, Dependencies};
use doorbell::handler::{Handler, HandlerError};
use doorbell::lifecycle::{Shutdown, stop_on_signals};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use doorbell::update::Update;
use serde::Deserialize;

/// As much of a message as this bot reads.
#[derive(Deserialize)]
struct Message {
    chat: Chat,
    text: Option<String>,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
}

struct Echo;

#[async_trait::async_trait]
impl Handler for Echo {
    async fn handle(&self, update: &Update) -> Result<Vec<Call>, HandlerError> {
        // An update of another kind or shape is nothing to this bot, and no failure.
        let Ok(message) = update.decode::<Message>() else { return Ok(Vec::new()) };
        Ok(message.text.map(|text| Call::send_message(message.chat.id, text)).into_iter().collect())
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "what ends the program is said on standard error")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", doorbell::telemetry::chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    let settings = Settings::load(&Sources::of_this_process(), Need::Token)?;
    doorbell::telemetry::init(&settings.log)?;
    let shutdown = Shutdown::new();
    stop_on_signals(&shutdown)?;
    let dependencies = Dependencies { handler: Some(Arc::new(Echo)), shutdown, ..Dependencies::default() };
    App::build_with(settings, dependencies)?.run().await?;
    Ok(())
}
