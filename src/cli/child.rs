//! The hidden commands of the processes between Doorbell and your bot, and the command line of the bot.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use tokio::runtime::Builder;

use crate::process;
use crate::settings::{self, Sources};
use crate::telemetry;

/// Your bot's command, which follows `--`.
#[derive(Args, Default)]
pub(super) struct BotCommand {
    /// Also start your own bot with this command, and keep it running.
    #[arg(last = true, value_name = "COMMAND")]
    words: Vec<OsString>,
}

impl BotCommand {
    /// The command, if there is one. Its program was found.
    pub(super) fn read(self, sources: &Sources) -> anyhow::Result<Option<process::Command>> {
        if self.words.is_empty() {
            return Ok(None);
        }
        let inherited = settings::inheritable(&sources.environment);
        Ok(Some(process::Command::new(self.words, inherited, settings::this_program()?)?))
    }
}

/// The commands with which the program starts itself, and nobody else.
#[derive(Subcommand)]
pub(super) enum HiddenCommand {
    /// The process between the service and your bot
    #[command(name = process::GUARD, hide = true)]
    Guard {
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Becomes your bot
    #[command(name = process::EXEC, hide = true)]
    Exec {
        guardian: i32,
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

pub(super) fn run(command: HiddenCommand) -> ExitCode {
    match command {
        HiddenCommand::Guard { command } => guard(&command),
        HiddenCommand::Exec { guardian, command } => exec(guardian, &command),
    }
}

/// Guards the bot, in one thread.
fn guard(command: &[OsString]) -> ExitCode {
    let guarded = settings::this_program().and_then(|program| {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(process::guard(command, &program))
    });
    match guarded {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            telemetry::write_to_stderr(format!("doorbell: your bot cannot be started: {error}\n"));
            ExitCode::FAILURE
        }
    }
}

/// Becomes the bot.
fn exec(guardian: i32, command: &[OsString]) -> ExitCode {
    let Err((status, error)) = process::become_command(command, guardian);
    let program = command.first().map(|program| program.to_string_lossy()).unwrap_or_default();
    telemetry::write_to_stderr(format!("doorbell: {program}: {error}\n"));
    ExitCode::from(status)
}
