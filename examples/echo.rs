//! A bot in Rust that echoes each text.
//!
//! To try it without a bot token, start a simulated Telegram:
//!
//! ```text
//! cargo run -- sandbox --only-telegram
//! ```
//!
//! It prints the environment variables for a bot, as lines to paste in a second terminal, and how to write to
//! the bot. Paste them, then start the bot in the same terminal:
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
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::lifecycle::{Shutdown, stop_on_signals};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use doorbell::update::Update;
use serde::Deserialize;

/// The fields of a message that this bot reads.
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
    async fn handle(&self, update: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        // The bot ignores updates of other kinds; they are not errors.
        let Ok(message) = update.decode::<Message>() else { return Ok(Vec::new()) };
        Ok(message.text.map(|text| Call::send_message(message.chat.id, text)).into_iter().collect())
    }
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the error that ends the program goes to standard error")]
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
