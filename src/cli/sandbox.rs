use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::{Unwell, Wrong, load, say};
use crate::app::{App, BuildError, Parts, RunError};
use crate::clock::{SharedClock, SystemClock};
use crate::lifecycle::{Shutdown, stop_on_signals};
use crate::sandbox::{Sandbox, TOKEN};
use crate::settings::{InboxUrl, Need, Origin, Settings, Sources};
use crate::telemetry;

#[derive(Args)]
#[command(
    after_help = "Examples:\n  doorbell sandbox\n  doorbell sandbox --config my-commands.toml --port 10001 --bot-api-port 8082"
)]
pub(super) struct Arguments {
    /// The port of the service.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    port: u16,
    /// The port of the Bot API in miniature.
    #[arg(long, default_value_t = 8_081, value_name = "N")]
    bot_api_port: u16,
}

/// Runs the service and a Telegram in miniature, each wired to the other, until told to stop.
pub(super) async fn run(arguments: Arguments, sources: Sources) -> anyhow::Result<ExitCode> {
    let profile = sources.profile.clone().unwrap_or_else(|| "sandbox".to_owned());
    let sources = Sources { profile: Some(profile), ..sources }
        .with("telegram.bot_token", TOKEN)
        .with("server.host", Ipv4Addr::LOCALHOST)
        .with("server.port", arguments.port)
        .with("webhook.register", true)
        .with("webhook.takeover", "always");
    let wired = |api_url: &str, port: u16| -> anyhow::Result<Settings> {
        let public_url = format!("http://127.0.0.1:{port}");
        load(&sources.clone().with("telegram.api_url", api_url).with("webhook.public_url", public_url), Need::Token)
    };
    // The settings are looked at before anything is bound.
    let settings = wired("http://127.0.0.1:1", 1)?;
    leave_a_real_inbox_alone(&settings)?;
    telemetry::init(&settings.log)?;

    let clock: SharedClock = Arc::new(SystemClock);
    let (shutdown, telegram) = (Shutdown::new(), Shutdown::new());
    stop_on_signals(&shutdown)?;
    let service = shutdown.clone();
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.bot_api_port));
    let sandbox = Sandbox::start(listen, Arc::clone(&clock), &telegram).await.map_err(|source| Unwell {
        message: format!("the miniature Telegram cannot listen on {listen}"),
        hint: "Another program may be using the port: stop it, or choose another one with --bot-api-port.",
        source,
    })?;
    let settings = wired(&sandbox.api_url(), arguments.port)?;
    let in_memory = matches!(settings.inbox.url, InboxUrl::Memory);
    let app = match App::build_with(settings, Parts { clock, shutdown, ..Parts::default() }) {
        Err(BuildError::Listen { address, source }) => {
            let hint = "Another program may be using the port: stop it, or choose another one with --port.";
            return Err(Unwell { message: format!("the service cannot listen on {address}"), hint, source }.into());
        }
        built => built?,
    };
    greet(app.addr(), sandbox.addr(), in_memory);
    let (failing, stop) = (telegram.soft.clone(), service.soft.clone());
    // The service is of no use without it.
    telegram.tasks.spawn(async move {
        failing.cancelled().await;
        stop.cancel();
    });
    let ended = app.run().await;
    telegram.stop_hard();
    telegram.tasks.close();
    telegram.tasks.wait().await;
    ended?;
    if let Some(failed) = telegram.failure() {
        return Err(RunError::from(failed).into());
    }
    Ok(ExitCode::SUCCESS)
}

/// A shell that has the environment of a real bot must not have its updates answered in here.
fn leave_a_real_inbox_alone(settings: &Settings) -> Result<(), Wrong> {
    let by_variable = matches!(settings.source("inbox.url"), Some(Origin::Variable(name)) if name == "DATABASE_URL");
    if by_variable && matches!(settings.inbox.url, InboxUrl::Postgres(_)) {
        let message = "DATABASE_URL names a PostgreSQL: a sandbox would take the updates of a real bot from it";
        let hint = "Unset DATABASE_URL: a sandbox needs no database. To use this one on purpose, name it in \
                    DOORBELL__INBOX__URL.";
        return Err(Wrong { message: message.to_owned(), hint: Some(hint) });
    }
    Ok(())
}

/// What to try next, as lines to paste.
fn greet(service: SocketAddr, bot_api: SocketAddr, in_memory: bool) {
    let left = if in_memory { "nothing stays behind" } else { "the inbox that was asked for stays" };
    let ring = if service.port() == 10_000 { String::new() } else { format!(" --url http://{service}") };
    say(format_args!(
        "\
The sandbox runs: the service on http://{service}, a Telegram in miniature on http://{bot_api}.

Try, in a second terminal:

  doorbell ring /start{ring}
  curl -s http://{bot_api}/sandbox/messages -d '{{\"text\": \"/start\", \"from\": \"Ann\"}}'
  curl -s http://{bot_api}/sandbox/messages
  curl -s http://{service}/healthz

`ring` delivers an update to the service itself; a message posted to /sandbox/messages goes through
the miniature Telegram, as a person's would. (From the source: `cargo run -- ring /start`.)
Ctrl-C ends it; {left}.
"
    ));
}
