//! The command line: one file per command, and how each of them ends.

mod at_sandbox;
mod completions;
mod conversation;
mod dead;
mod doctor;
mod ring;
mod sandbox;
mod serve;
mod settings;
mod webhook;

use std::fmt::{Display, Write as _};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::app::{BuildError, RunError};
use crate::inbox::InboxError;
use crate::lifecycle;
use crate::settings::{Need, Settings, SettingsError, Sources};
use crate::telegram::NotDelivered;
use crate::telemetry;

/// Exit status 2: the command was used wrongly, or the settings are wrong. 0 is well, 1 unwell.
const WRONG: u8 = 2;

#[derive(Parser)]
#[command(
    name = "doorbell",
    version,
    about = "A webhook-only service for Telegram bots: Telegram rings it, and it never polls.",
    after_help = "Without a command, `serve` is meant. Each command has --help with an example.\n\nExamples:\n  doorbell sandbox              see it all run, without a token\n  doorbell ring /start          in a second terminal: an update, and what becomes of it\n  TELEGRAM_BOT_TOKEN_FILE=token.txt PUBLIC_URL=https://bot.example.org doorbell\n\nExit status: 0 well, 1 something is unwell, 2 wrong usage or settings."
)]
struct Cli {
    /// A settings file (TOML), laid over the defaults and under the environment.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Act for the bot of a running `doorbell sandbox`; the URL of its Bot API, where that is another.
    #[arg(long = "sandbox", global = true, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = at_sandbox::DEFAULT_URL)]
    at_sandbox: Option<String>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service: takes in updates, handles them, keeps the webhook registered
    Serve(serve::Arguments),
    /// Runs the service with a Telegram in miniature on this machine: no token, no tunnel
    Sandbox(sandbox::Arguments),
    /// Sends one update to a running service, as Telegram would, and shows the answer
    Ring(ring::Arguments),
    /// Checks everything that can be wrong, and says what to do
    Doctor(doctor::Arguments),
    /// Shows what Telegram has stored about the webhook; sets it, removes it, prints its secret
    #[command(
        subcommand,
        after_help = "Examples:\n  doorbell webhook info\n  PUBLIC_URL=https://bot.example.org doorbell webhook set"
    )]
    Webhook(webhook::WebhookCommand),
    /// Shows updates that could not be handled; puts them back, or discards them
    #[command(subcommand, after_help = "Examples:\n  doorbell dead list\n  doorbell dead retry --all")]
    Dead(dead::DeadCommand),
    /// Shows the settings in force and where each came from, secrets masked
    Settings(settings::Arguments),
    /// Prints what a shell needs to complete the commands and options
    Completions(completions::Arguments),
}

/// Runs the command that the arguments of this process name.
#[expect(clippy::print_stderr, reason = "there is no log yet")]
pub async fn run() -> ExitCode {
    let Cli { config, at_sandbox, command } = Cli::parse();
    // Before a secret is read. A system that refuses is no reason not to serve.
    if let Err(error) = lifecycle::leave_no_core_dump() {
        eprintln!("warning: a crash may leave a core dump with the bot token in it: {error}");
    }
    let sources = Sources { config_file: config, ..Sources::of_this_process() };
    let command = command.unwrap_or(Command::Serve(serve::Arguments::default()));
    let sources = match at_sandbox.as_deref().map(|url| at_sandbox::add_settings(url, &command, sources.clone())) {
        None => sources,
        Some(told) => match told.await {
            Ok(sources) => sources,
            Err(error) => return fail(&error),
        },
    };
    let ended = match command {
        Command::Serve(arguments) => serve::run(arguments, sources).await,
        Command::Sandbox(arguments) => sandbox::run(arguments, sources).await,
        Command::Ring(arguments) => ring::run(arguments, &sources).await,
        Command::Doctor(arguments) => doctor::run(arguments, &sources).await,
        Command::Webhook(command) => webhook::run(command, &sources).await,
        Command::Dead(command) => dead::run(command, &sources).await,
        Command::Settings(arguments) => {
            settings::run(arguments, &sources, &mut io::stdout()).map(|()| ExitCode::SUCCESS)
        }
        Command::Completions(arguments) => completions::run(arguments, &mut io::stdout()).map(|()| ExitCode::SUCCESS),
    };
    // What a service logged comes before the error that ended it.
    telemetry::flush();
    ended.unwrap_or_else(|error| fail(&error))
}

/// Says what went wrong, why, and what to do; the exit status that goes with it.
fn fail(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {}\n", telemetry::chain(error.as_ref()));
    if let Some(hint) = hint(error) {
        let _ = writeln!(text, "hint:  {hint}");
    }
    telemetry::say_at_the_end(text);
    let wrong = error.is::<SettingsError>()
        || error.is::<Wrong>()
        || matches!(error.downcast_ref(), Some(BuildError::Settings(_) | BuildError::NoToken));
    if wrong { ExitCode::from(WRONG) } else { ExitCode::FAILURE }
}

/// The command cannot be carried out as the settings are.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Wrong {
    message: String,
    hint: Option<&'static str>,
}

/// The command could not be carried out, and the cause lies outside the settings.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Unwell {
    message: String,
    hint: &'static str,
    source: std::io::Error,
}

fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(unwell) = error.downcast_ref::<Unwell>() {
        return Some(unwell.hint.to_owned());
    }
    if error.is::<NotDelivered>() {
        let hint = "Does the service run, and at that address? `doorbell sandbox` starts one on this machine; --url \
                    names another.";
        return Some(hint.to_owned());
    }
    if let Some(wrong) = error.downcast_ref::<Wrong>() {
        return wrong.hint.map(ToOwned::to_owned);
    }
    match error.downcast_ref() {
        Some(RunError::RefusedToken(refused)) => return Some(refused.hint().to_owned()),
        Some(RunError::PartFailed(_)) => {
            let hint = "This is an error in the program; the log says where it happened. No acknowledged update is lost: \
                        start the service again.";
            return Some(hint.to_owned());
        }
        None => {}
    }
    if let Some(InboxError::Unusable { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    match error.downcast_ref::<BuildError>()? {
        BuildError::Inbox(InboxError::Unusable { hint, .. }) => Some(hint.clone()),
        BuildError::Listen { .. } => Some(
            "Another program may be using the port: stop it, or choose another one with PORT. Ports below 1024 need \
             special rights."
                .to_owned(),
        ),
        BuildError::NoToken => Some("Set TELEGRAM_BOT_TOKEN; @BotFather gives one out.".to_owned()),
        BuildError::Settings(_) | BuildError::Inbox(_) => None,
    }
}

/// Prints what a command was asked for. A reader that has gone away is no failure of ours.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The settings, or every problem with them.
fn load(sources: &Sources, need: Need) -> anyhow::Result<Settings> {
    Ok(Settings::load(sources, need)?)
}

/// Logs what the operator should know of settings that are right.
fn remark(settings: &Settings) {
    if let Some(remark) = settings.remark() {
        tracing::warn!("{remark}");
    }
}
