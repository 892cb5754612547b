use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::error::{CommandFailure, UsageError};
use super::print::say;
use super::serve::log_remark;
use super::{at_sandbox, conversation};
use crate::app::{App, BuildError, Dependencies, RunError};
use crate::clock::{SharedClock, SystemClock};
use crate::fail;
use crate::lifecycle::{Shutdown, stop_on_signals};
use crate::sandbox::{Sandbox, TOKEN};
use crate::settings::{InboxUrl, Need, Settings, Sources, origin};
use crate::telemetry;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell sandbox\n  doorbell sandbox --config my-commands.toml --port 10001 --bot-api-port 8082\n  doorbell sandbox --only-telegram     for a bot of your own"
)]
pub(super) struct Arguments {
    /// The port of the service; 0 takes a free one.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    port: u16,
    /// The port of the Bot API in miniature; 0 takes a free one.
    #[arg(long, default_value_t = 8_081, value_name = "N")]
    bot_api_port: u16,
    /// Run the Telegram in miniature alone, and print what leads a bot of your own to it; --port is the bot's.
    #[arg(long)]
    only_telegram: bool,
}

/// So many free ports are tried: between its choice and its use somebody else may take one.
const TRIES: u32 = 10;

/// Runs the service and a Telegram in miniature, each wired to the other, until told to stop.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let program = sources.started_as.clone();
    let profile = sources.profile.clone().unwrap_or_else(|| "sandbox".to_owned());
    let sources = Sources { profile: Some(profile), ..sources }
        .with("telegram.bot_token", TOKEN)
        .with("server.host", Ipv4Addr::LOCALHOST)
        .with("webhook.register", true)
        .with("webhook.takeover", "always");
    let wired = |api_url: &str, port: u16| -> anyhow::Result<Settings> {
        let sources = sources.clone().with("telegram.api_url", api_url).with("server.port", port);
        Ok(Settings::load(&sources.with("webhook.public_url", public_url(port)), Need::Token)?)
    };
    // The settings are looked at before anything is bound.
    let settings = wired("http://127.0.0.1:1", 1)?;
    leave_a_real_inbox_alone(&settings)?;
    telemetry::init(&settings.log)?;
    log_remark(&settings);
    if let Some(order) = sources.fail_point() {
        fail::arm(order);
    }

    let clock: SharedClock = Arc::new(SystemClock);
    let (shutdown, telegram) = (Shutdown::new(), Shutdown::new());
    stop_on_signals(if arguments.only_telegram { &telegram } else { &shutdown })?;
    let service_stop = shutdown.soft.clone();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.bot_api_port));
    let sandbox = Sandbox::start(listen, Arc::clone(&clock), &telegram).await.map_err(|source| CommandFailure {
        message: format!("the miniature Telegram cannot listen on {listen}"),
        hint: "Another program may be using the port: stop it, or choose another one with --bot-api-port.",
        source,
    })?;
    let mut ended = Ok(());
    if arguments.only_telegram {
        let port = if arguments.port == 0 { free_port()? } else { arguments.port };
        sandbox.bot_is_at(&public_url(port));
        conversation::print(&sandbox, &telegram);
        greet_alone(&program, &sandbox, port);
        telegram.soft.cancelled().await;
    } else {
        let in_memory = matches!(settings.inbox.url, InboxUrl::Memory);
        let app = service(&arguments, &clock, &shutdown, |port| wired(&sandbox.api_url(), port))?;
        sandbox.bot_is_at(&public_url(app.addr().port()));
        conversation::print(&sandbox, &telegram);
        greet(&program, app.addr(), sandbox.addr(), in_memory);
        // The service is of no use without its Telegram.
        let failing = telegram.soft.clone();
        telegram.tasks.spawn(async move {
            failing.cancelled().await;
            service_stop.cancel();
        });
        ended = app.run().await;
        telegram.stop_hard();
    }
    telegram.tasks.close();
    telegram.tasks.wait().await;
    ended?;
    if let Some(failed) = telegram.failure() {
        return Err(RunError::from(failed).into());
    }
    Ok(ExitCode::SUCCESS)
}

/// The service on the port that was asked for, or on a free one: the port has to be known before it is listened on, as
/// the public URL names it.
fn service(
    arguments: &Arguments,
    clock: &SharedClock,
    shutdown: &Shutdown,
    settings: impl Fn(u16) -> anyhow::Result<Settings>,
) -> anyhow::Result<App> {
    let mut tries = if arguments.port == 0 { TRIES } else { 1 };
    loop {
        let port = if arguments.port == 0 { free_port()? } else { arguments.port };
        let dependencies =
            Dependencies { clock: Arc::clone(clock), shutdown: shutdown.clone(), ..Dependencies::default() };
        tries -= 1;
        match App::build_with(settings(port)?, dependencies) {
            Err(BuildError::Listen { .. }) if tries > 0 => {}
            Err(BuildError::Listen { address, source }) => {
                let hint = "Another program may be using the port: stop it, or choose another one with --port.";
                return Err(CommandFailure {
                    message: format!("the service cannot listen on {address}"),
                    hint,
                    source,
                }
                .into());
            }
            built => return Ok(built?),
        }
    }
}

/// A port of loopback that nobody listens on now.
fn free_port() -> Result<u16, CommandFailure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|addr| addr.port()).map_err(|source| CommandFailure {
        message: "this machine has no free port".to_owned(),
        hint: "Name a port with --port.",
        source,
    })
}

/// Where the service of a sandbox is reached.
fn public_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// A shell that has the environment of a real bot must not have its updates answered in here.
fn leave_a_real_inbox_alone(settings: &Settings) -> Result<(), UsageError> {
    let by_variable = settings.source("inbox.url") == Some(&*origin::variable("DATABASE_URL"));
    if by_variable && matches!(settings.inbox.url, InboxUrl::Postgres(_)) {
        let message = "DATABASE_URL names a PostgreSQL: a sandbox would take the updates of a real bot from it";
        let hint = "Unset DATABASE_URL: a sandbox needs no database. To use this one on purpose, name it in \
                    DOORBELL__INBOX__URL.";
        return Err(UsageError { message: message.to_owned(), hint: Some(hint) });
    }
    Ok(())
}

/// What to try next, as lines to paste that start the program as it was started.
fn greet(program: &str, service: SocketAddr, bot_api: SocketAddr, in_memory: bool) {
    let left = if in_memory { "nothing stays behind" } else { "the inbox that was asked for stays" };
    let ring = if service.port() == 10_000 { String::new() } else { format!(" --url http://{service}") };
    let at_sandbox = at_sandbox(bot_api);
    say(format_args!(
        "\
The sandbox runs: the service on http://{service}, a Telegram in miniature on http://{bot_api}.

Try, in a second terminal:

  {program} ring /start{ring}
  curl -s http://{bot_api}/sandbox/messages -d '{{\"text\": \"/start\", \"from\": \"Ann\"}}'
  curl -s http://{bot_api}/sandbox/messages
  curl -s http://{bot_api}/sandbox
  curl -s http://{service}/healthz
  {program} doctor {at_sandbox}
  {program} webhook info {at_sandbox}

`ring` delivers an update to the service itself; a message posted to /sandbox/messages goes through
the miniature Telegram, as a person's would. What is said is printed here, a line for each message.
Ctrl-C ends it; {left}.
"
    ));
}

/// What leads a bot to the sandbox, as lines to paste.
fn greet_alone(program: &str, sandbox: &Sandbox, port: u16) {
    let (bot_api, at_sandbox) = (sandbox.addr(), at_sandbox(sandbox.addr()));
    let lines: Vec<_> = sandbox.variables().iter().map(|(name, value)| format!("  export {name}={value}\n")).collect();
    let variables = lines.concat();
    say(format_args!(
        "\
A Telegram in miniature runs on http://{bot_api}, for a bot of your own. In the terminal of the bot:

{variables}  export HOST=127.0.0.1 PORT={port}

and start it there: `cargo run --example echo` is one. Another bot needs the base URL of the Bot API in
its library's option for that. Then, in a third terminal:

  curl -s http://{bot_api}/sandbox/messages -d '{{\"text\": \"good day\", \"from\": \"Ann\"}}'
  curl -s http://{bot_api}/sandbox/messages
  curl -s http://{bot_api}/sandbox
  {program} webhook info {at_sandbox}

What is said is printed here, a line for each message. Ctrl-C ends it; nothing stays behind.
"
    ));
}

/// The option that names this sandbox, as short as it works.
fn at_sandbox(bot_api: SocketAddr) -> String {
    let url = format!("http://{bot_api}");
    if url == at_sandbox::USUAL { "--sandbox".to_owned() } else { format!("--sandbox={url}") }
}
