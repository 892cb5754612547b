use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::{load, say};
use crate::app::{App, Parts};
use crate::clock::{SharedClock, SystemClock};
use crate::lifecycle::{Shutdown, stop_on_signals};
use crate::sandbox::{Sandbox, TOKEN};
use crate::settings::{Need, Settings, Sources};
use crate::telemetry;

#[derive(Args)]
#[command(
    after_help = "Example:\n  doorbell sandbox\n  doorbell sandbox --config my-commands.toml --port 10001 --bot-api-port 8082"
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
    telemetry::init(&wired("http://127.0.0.1:1", 1)?.log)?;

    let clock: SharedClock = Arc::new(SystemClock);
    let (shutdown, telegram) = (Shutdown::new(), Shutdown::new());
    stop_on_signals(&shutdown)?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.bot_api_port));
    let sandbox = Sandbox::start(listen, Arc::clone(&clock), &telegram).await.with_context(|| {
        format!("the sandbox's Bot API cannot listen on {listen}: choose another port with --bot-api-port")
    })?;
    let settings = wired(&sandbox.api_url(), arguments.port)?;
    let app = App::build_with(settings, Parts { clock, shutdown, ..Parts::default() }).await?;
    greet(app.addr(), sandbox.addr());
    app.run().await?;
    telegram.stop_hard();
    telegram.tasks.close();
    telegram.tasks.wait().await;
    Ok(ExitCode::SUCCESS)
}

/// What to try next, as lines to paste.
fn greet(service: SocketAddr, bot_api: SocketAddr) {
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
Ctrl-C ends it; nothing stays behind.
"
    ));
}
