//! `doorbell sandbox`: the service and a simulated Telegram in one process, each configured for the other.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::child::BotCommand;
use super::error::{CommandFailure, UsageError};
use super::print::say;
use super::serve::prepare;
use super::{browser, conversation, sandbox_option};
use crate::app::{App, BuildError, Dependencies, RunError, Sentences};
use crate::clock::{SharedClock, SystemClock};
use crate::lifecycle::{Shutdown, stop_on_signals};
use crate::registrar::explain;
use crate::sandbox::{Sandbox, ServiceView, TOKEN};
use crate::settings::{InboxUrl, Need, Settings, Sources, origin};
use crate::trail::{Limits, Trail};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell sandbox\n  doorbell sandbox -- python bot.py    with your own bot\n  doorbell sandbox --config my-commands.toml --port 10001 --bot-api-port 8082\n  doorbell sandbox --only-telegram     for a bot of your own"
)]
pub(super) struct Arguments {
    /// The port of the service; 0 takes a free one.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    port: u16,
    /// The port of the simulated Bot API; 0 takes a free one.
    #[arg(long, default_value_t = 8_081, value_name = "N")]
    bot_api_port: u16,
    /// Run the simulated Telegram alone and print the variables for a bot of your own; --port is the bot's.
    #[arg(long, conflicts_with = "words")]
    only_telegram: bool,
    /// Open the chat page in a browser.
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    bot: BotCommand,
}

/// Any free port of this machine.
const ANY_GATEWAY: &str = "127.0.0.1:0";

/// The number of free ports to try: another program may take a port before it is used.
const PORT_ATTEMPTS: u32 = 10;

/// Runs the service and the simulated Telegram until a signal stops them.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let program = sources.started_as.clone();
    let profile = sources.profile.clone().unwrap_or_else(|| "sandbox".to_owned());
    let sources = Sources { profile: Some(profile), ..sources }
        .with("telegram.bot_token", TOKEN)
        .with("server.host", Ipv4Addr::LOCALHOST)
        .with("webhook.register", true)
        .with("webhook.takeover", "always");
    let configured = |more: &dyn Fn(Sources) -> Sources, api_url: &str, port: u16| -> anyhow::Result<Settings> {
        let sources = more(sources.clone()).with("telegram.api_url", api_url).with("server.port", port);
        Ok(Settings::load(&sources.with("webhook.public_url", public_url(port)), Need::Token)?)
    };
    // Settings are checked before any port is bound.
    let settings = configured(&|sources| sources, "http://127.0.0.1:1", 1)?;
    refuse_a_real_inbox(&settings)?;
    let command = arguments.bot.read(&sources)?;
    prepare(&settings, &sources)?;
    // The usual port of the gateway is that of the simulated Telegram here.
    let has_bot = command.is_some() || settings.forward.url.is_some();
    let has_free_gateway = has_bot && settings.gateway.listen.is_none();
    let gateway = |sources: Sources| {
        if has_free_gateway { sources.with("gateway.listen", ANY_GATEWAY) } else { sources }
    };

    let clock: SharedClock = Arc::new(SystemClock);
    let (shutdown, telegram) = (Shutdown::new(), Shutdown::new());
    stop_on_signals(if arguments.only_telegram { &telegram } else { &shutdown })?;
    let service_stop = shutdown.soft.clone();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.bot_api_port));
    let sandbox = Sandbox::start(listen, Arc::clone(&clock), &telegram).await.map_err(|source| CommandFailure {
        message: format!("the simulated Telegram cannot listen on {listen}"),
        hint: "Another program may be using the port: stop it, or choose another one with --bot-api-port.",
        source,
    })?;
    let mut ended = Ok(());
    if arguments.only_telegram {
        let port = if arguments.port == 0 { free_port()? } else { arguments.port };
        sandbox.set_public_url(&public_url(port));
        sandbox.show_service(ServiceView { explain: Some(explained), ..ServiceView::default() });
        conversation::print(&sandbox, &telegram);
        print_greeting_alone(&program, &sandbox, port);
        telegram.tasks.spawn(open_page(arguments.open, sandbox.api_url()));
        telegram.soft.cancelled().await;
    } else {
        let in_memory = matches!(settings.inbox.url, InboxUrl::Memory);
        let trail = Trail::new(Limits::default(), Arc::clone(&clock));
        let dependencies = || Dependencies {
            shutdown: shutdown.clone(),
            command: command.clone(),
            trail: trail.clone(),
            ..Dependencies::default()
        };
        let configured = |port| configured(&gateway, &sandbox.api_url(), port);
        let app = build_service(arguments.port, dependencies, configured)?;
        sandbox.show_service(service_view(&app, trail.clone(), &telegram));
        sandbox.set_public_url(&public_url(app.addr().port()));
        conversation::print(&sandbox, &telegram);
        let bot = bot_line(&program, &app, settings.forward.url(), sandbox.addr());
        print_greeting(&program, app.addr(), sandbox.addr(), in_memory, &bot);
        telegram.tasks.spawn(open_page(arguments.open, sandbox.api_url()));
        // The service cannot work without its Telegram: it stops when the sandbox fails.
        let telegram_stop = telegram.soft.clone();
        telegram.tasks.spawn(async move {
            telegram_stop.cancelled().await;
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

/// Builds the service on the requested port, or on a free one. A free port must be chosen before it is listened on,
/// because the public URL contains it.
fn build_service(
    port: u16,
    dependencies: impl Fn() -> Dependencies,
    settings: impl Fn(u16) -> anyhow::Result<Settings>,
) -> anyhow::Result<App> {
    let mut attempts = if port == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        let free = if port == 0 { free_port()? } else { port };
        attempts -= 1;
        match App::build_with(settings(free)?, dependencies()) {
            Err(BuildError::Listen { .. }) if attempts > 0 => {}
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

/// What the chat page shows of the service.
fn service_view(app: &App, trail: Trail, telegram: &Shutdown) -> ServiceView {
    let (sentences, changes) = (app.sentences(), watch::Sender::new(0_u64));
    let says = sentences.clone();
    let kill_bot = app.bot_killer().map(|killer| Arc::new(move || killer.kill()) as Arc<dyn Fn() + Send + Sync>);
    let view = ServiceView {
        trail,
        says: Some(Arc::new(move || says.now())),
        changes: Some(changes.subscribe()),
        kill_bot,
        explain: Some(explained),
    };
    telegram.tasks.spawn(note_changes(sentences, changes, telegram.soft.clone()));
    view
}

/// Counts the changes of what the service says, until the stop.
async fn note_changes(mut sentences: Sentences, changes: watch::Sender<u64>, soft: CancellationToken) {
    loop {
        tokio::select! {
            () = sentences.changed() => changes.send_modify(|changes| *changes += 1),
            () = soft.cancelled() => return,
        }
    }
}

/// What a refusal of Telegram means and what to do, as `doctor --explain` says it.
fn explained(refusal: &str) -> Option<String> {
    explain(refusal).map(|explanation| format!("{}. {}", explanation.means, explanation.remedy))
}

/// A port of loopback that is free now.
fn free_port() -> Result<u16, CommandFailure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|addr| addr.port()).map_err(|source| CommandFailure {
        message: "this machine has no free port".to_owned(),
        hint: "Name a port with --port.",
        source,
    })
}

/// The public URL of the sandbox's service.
fn public_url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Refuses to use a real bot's database, which the environment of a shell may name: the sandbox would answer that
/// bot's updates.
fn refuse_a_real_inbox(settings: &Settings) -> Result<(), UsageError> {
    let by_variable = settings.source("inbox.url") == Some(&*origin::variable("DATABASE_URL"));
    if by_variable && matches!(settings.inbox.url, InboxUrl::Postgres(_)) {
        let message =
            "DATABASE_URL names a PostgreSQL database: a sandbox would take the updates of a real bot from it";
        let hint = "Unset DATABASE_URL: a sandbox needs no database. To use this one on purpose, name it in \
                    DOORBELL__INBOX__URL.";
        return Err(UsageError { message: message.to_owned(), hint: Some(hint) });
    }
    Ok(())
}

/// A line about the bot behind the service, or nothing if there is none.
fn bot_line(program: &str, app: &App, forward_url: Option<Url>, bot_api: SocketAddr) -> String {
    match (app.gateway_addr(), forward_url) {
        (Some(gateway), Some(url)) if app.bot_killer().is_none() => format!(
            "\nYour bot at {} is behind the service. Its Bot API is http://{gateway}, and `{program} gateway token {}` \
             prints its token.",
            url.origin().ascii_serialization(),
            sandbox_option(bot_api)
        ),
        (Some(_), _) => "\nYour bot runs behind the service: its log is below, and it answers in the chat.".to_owned(),
        (None, _) => String::new(),
    }
}

/// Prints commands to try, as lines to paste that start the program as it was started.
fn print_greeting(program: &str, service: SocketAddr, bot_api: SocketAddr, in_memory: bool, bot: &str) {
    let left = if in_memory { "nothing is left behind" } else { "the configured inbox remains" };
    let ring = if service.port() == 10_000 { String::new() } else { format!(" --url http://{service}") };
    let option = sandbox_option(bot_api);
    say(format_args!(
        "\
Chat with the bot: http://{bot_api}

The sandbox is running: the service on http://{service}, a simulated Telegram on http://{bot_api}.{bot}

Try, in a second terminal:

  {program} ring /start{ring}
  curl -s http://{bot_api}/sandbox/messages -d '{{\"text\": \"/start\", \"from\": \"Ann\"}}'
  curl -s http://{bot_api}/sandbox/messages
  curl -s http://{bot_api}/sandbox
  curl -s http://{service}/healthz
  {program} doctor {option}
  {program} webhook info {option}

`ring` delivers an update directly to the service; a message posted to /sandbox/messages goes through
the simulated Telegram, like a person's message. Each message is printed here on one line.
Ctrl-C stops the sandbox; {left}.
"
    ));
}

/// Prints the variables with which a bot uses the sandbox, as lines to paste.
fn print_greeting_alone(program: &str, sandbox: &Sandbox, port: u16) {
    let (bot_api, option) = (sandbox.addr(), sandbox_option(sandbox.addr()));
    let lines: Vec<_> = sandbox.variables().iter().map(|(name, value)| format!("  export {name}={value}\n")).collect();
    let variables = lines.concat();
    say(format_args!(
        "\
Chat with the bot: http://{bot_api}

A simulated Telegram is running on http://{bot_api}, for a bot of your own. In the bot's terminal:

{variables}  export HOST=127.0.0.1 PORT={port}

and start the bot there, for example `cargo run --example echo`. A bot that uses a library takes the base
URL of the Bot API from that library's option. Then, in a third terminal:

  curl -s http://{bot_api}/sandbox/messages -d '{{\"text\": \"good day\", \"from\": \"Ann\"}}'
  curl -s http://{bot_api}/sandbox/messages
  curl -s http://{bot_api}/sandbox
  {program} webhook info {option}

Each message is printed here on one line. Ctrl-C stops the sandbox; nothing is left behind.
"
    ));
}

/// Opens the page in the browser of this machine, if this was asked for. The page works without it, so a failure is only
/// printed.
async fn open_page(is_wanted: bool, url: String) {
    if !is_wanted {
        return;
    }
    if let Err(reason) = browser::open(&url).await {
        say(format_args!("The page could not be opened here: {reason}. Open {url} in a browser.\n"));
    }
}

/// The shortest option that names this sandbox.
fn sandbox_option(bot_api: SocketAddr) -> String {
    let url = format!("http://{bot_api}");
    if url == sandbox_option::DEFAULT_URL { "--sandbox".to_owned() } else { format!("--sandbox={url}") }
}
