//! The command line: one file per command, and the exit status of each.

mod browser;
mod child;
mod completions;
mod conversation;
mod dead;
mod doctor;
mod error;
mod gateway;
mod print;
mod ring;
mod sandbox;
mod sandbox_option;
mod serve;
mod settings;
mod webhook;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::lifecycle;
use crate::settings::Sources;
use crate::telemetry;

#[derive(Parser)]
#[command(
    name = "doorbell",
    version,
    about = "A webhook-only service for Telegram bots: Telegram sends updates to it, and it never polls.",
    after_help = "Without a command, `serve` is meant. Each command has --help with an example.\n\nExamples:\n  doorbell sandbox              run everything without a token\n  doorbell ring /start          in a second terminal: send an update and see the reply\n  TELEGRAM_BOT_TOKEN_FILE=token.txt PUBLIC_URL=https://bot.example.org doorbell\n\nExit status: 0 success, 1 failure or a failed check, 2 wrong usage or settings."
)]
struct Cli {
    /// A settings file (TOML). It overrides the defaults, and the environment overrides it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Act for the bot of a running `doorbell sandbox`; optionally the URL of its Bot API.
    #[arg(long = "sandbox", global = true, value_name = "URL", num_args = 0..=1, require_equals = true, default_missing_value = sandbox_option::DEFAULT_URL)]
    sandbox_url: Option<String>,
    #[command(subcommand)]
    command: Option<AnyCommand>,
}

#[derive(Subcommand)]
enum AnyCommand {
    #[command(flatten)]
    Shown(Command),
    #[command(flatten)]
    Hidden(child::HiddenCommand),
}

#[derive(Subcommand)]
enum Command {
    /// Runs the service: accepts updates, handles them, keeps the webhook registered
    Serve(serve::Arguments),
    /// Runs the service with a simulated Telegram on this machine: no token, no tunnel
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
    /// Prints the stand-in token that your own bot holds at the gateway
    #[command(subcommand, after_help = "Example: doorbell gateway token")]
    Gateway(gateway::GatewayCommand),
    /// Shows updates that could not be handled; retries or discards them
    #[command(subcommand, after_help = "Examples:\n  doorbell dead list\n  doorbell dead retry --all")]
    Dead(dead::DeadCommand),
    /// Shows the effective settings and the source of each, with secrets masked
    Settings(settings::Arguments),
    /// Prints a script with which a shell completes the commands and options
    Completions(completions::Arguments),
}

/// Runs the command that this process was started with.
#[expect(clippy::print_stderr, reason = "there is no log yet")]
#[must_use]
pub fn run() -> ExitCode {
    let Cli { config, sandbox_url, command } = Cli::parse();
    // Before any secret is read. The service also starts where the system refuses.
    if let Err(error) = lifecycle::disable_core_dumps() {
        eprintln!("warning: a crash may leave a core dump with the bot token in it: {error}");
    }
    let command = match command {
        // It runs beside a bot all the time, and needs no thread for each processor.
        Some(AnyCommand::Hidden(command)) => return child::run(command),
        Some(AnyCommand::Shown(command)) => command,
        None => Command::Serve(serve::Arguments::default()),
    };
    match Runtime::new() {
        Ok(runtime) => runtime.block_on(run_shown(command, config, sandbox_url)),
        Err(error) => error::report(&error.into()),
    }
}

async fn run_shown(command: Command, config: Option<PathBuf>, sandbox_url: Option<String>) -> ExitCode {
    let sources = Sources { config_file: config, ..Sources::of_this_process() };
    let ended = execute(command, sandbox_url.as_deref(), sources).await;
    // The log lines must appear before the error that ended the service.
    telemetry::flush();
    ended.unwrap_or_else(|error| error::report(&error))
}

async fn execute(command: Command, sandbox_url: Option<&str>, sources: Sources) -> anyhow::Result<ExitCode> {
    let sources = match sandbox_url {
        Some(url) => sandbox_option::add_settings(url, &command, sources).await?,
        None => sources,
    };
    match command {
        Command::Serve(arguments) => serve::run(arguments, sources).await,
        Command::Sandbox(arguments) => sandbox::run(arguments, sources).await,
        Command::Ring(arguments) => ring::run(arguments, &sources).await,
        Command::Doctor(arguments) => doctor::run(arguments, &sources).await,
        Command::Webhook(command) => webhook::run(command, &sources).await,
        Command::Gateway(command) => gateway::run(&command, &sources),
        Command::Dead(command) => dead::run(command, &sources).await,
        Command::Settings(arguments) => {
            settings::run(arguments, &sources, &mut io::stdout()).map(|()| ExitCode::SUCCESS)
        }
        Command::Completions(arguments) => {
            completions::run(arguments, &mut Cli::command(), &mut io::stdout()).map(|()| ExitCode::SUCCESS)
        }
    }
}
