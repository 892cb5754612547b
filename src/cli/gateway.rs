//! `doorbell gateway`: prints the stand-in token.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::json;

use super::print::say;
use crate::app::BuildError;
use crate::settings::{Need, Settings, Sources};
use crate::telegram::BotToken;

/// `doorbell gateway …`
#[derive(Clone, Debug, Subcommand)]
pub(super) enum GatewayCommand {
    /// Prints the stand-in token: your own bot holds it instead of the bot token, and only the gateway accepts it
    #[command(after_help = "Example: BOT_TOKEN=$(doorbell gateway token) python bot.py")]
    Token(Output),
}

/// How the command prints.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Output {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
///
/// When there is no bot token in the settings. The exit status is then 2.
pub(super) fn run(command: &GatewayCommand, sources: &Sources) -> anyhow::Result<ExitCode> {
    let GatewayCommand::Token(output) = command;
    let settings = Settings::load(sources, Need::Token)?;
    let token = settings.telegram.bot_token.map(BotToken::new).ok_or(BuildError::NoToken)?;
    let stand_in = token.stand_in();
    let stand_in = stand_in.expose_secret();
    if output.json {
        say(json!({ "stand_in_token": stand_in }));
    } else {
        say(stand_in);
    }
    Ok(ExitCode::SUCCESS)
}
