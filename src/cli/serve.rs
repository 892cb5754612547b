use std::process::ExitCode;

use clap::Args;

use super::child::BotCommand;
use crate::app::{App, Dependencies};
use crate::fail_points;
use crate::lifecycle::{Shutdown, stop_on_signals};
use crate::settings::{Need, Settings, Sources};
use crate::telemetry;

#[derive(Args, Default)]
#[command(
    after_help = "Examples:\n  TELEGRAM_BOT_TOKEN_FILE=token.txt PUBLIC_URL=https://bot.example.org doorbell serve\n  doorbell serve -- python bot.py     with your own bot, which runs its webhook server on PORT"
)]
pub(super) struct Arguments {
    /// Take over the bot's webhook, even from another service: webhook.takeover = "always" for this start.
    #[arg(long)]
    takeover: bool,
    #[command(flatten)]
    bot: BotCommand,
}

/// Runs the service until a stop is requested.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let sources = if arguments.takeover { sources.with("webhook.takeover", "always") } else { sources };
    let settings = Settings::load(&sources, Need::Token)?;
    let command = arguments.bot.read(&sources)?;
    prepare(&settings, &sources)?;
    if let Some(proxy) = settings.proxy_in_words() {
        tracing::info!("{proxy}");
    }
    let shutdown = Shutdown::new();
    stop_on_signals(&shutdown)?;
    let app = App::build_with(settings, Dependencies { shutdown, command, ..Dependencies::default() })?;
    app.run().await?;
    Ok(ExitCode::SUCCESS)
}

/// Starts the log, logs what the operator should know about valid settings, and arms the fail point of a test.
pub(super) fn prepare(settings: &Settings, sources: &Sources) -> anyhow::Result<()> {
    telemetry::init(&settings.log)?;
    if let Some(remark) = settings.remark() {
        tracing::warn!("{remark}");
    }
    if let Some(order) = sources.fail_point() {
        fail_points::arm(order);
    }
    Ok(())
}
