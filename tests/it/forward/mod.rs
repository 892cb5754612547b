//! Your own bot over HTTP: it gets each update as Telegram would send it, its answer decides what happens next, and nothing
//! is lost while it is away.

mod answers;
mod away;
mod bot;
mod calls_in_answers;
mod canary;
mod crashes;
mod https;
mod kept_calls;
mod replays;
mod requests;
mod traces;
mod trail;
mod turns;

use std::time::Duration;

use doorbell::handler::forward::BotStatus;
use doorbell::sandbox::TOKEN;

use crate::harness::{SECRET, TestApp, TestAppBuilder, waiting};
use bot::Bot;

/// A service in front of this bot, whose webhook is at `/hook`.
fn in_front_of(bot: &Bot) -> TestAppBuilder {
    // An attempt that failed is repeated at once.
    TestAppBuilder::default()
        .with("forward.url", bot.url("/hook"))
        .with("dispatch.backoff.first", "1ms")
        .with("dispatch.backoff.longest", "10ms")
}

/// The variables of `doorbell serve` in front of a bot at `url`, with this Bot API and this inbox, and others.
fn variables<'a>([api, inbox, url]: [&'a str; 3], more: &[(&'static str, &'a str)]) -> Vec<(&'static str, &'a str)> {
    let mut variables = vec![
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", api),
        ("WEBHOOK_SECRET", SECRET),
        ("DATABASE_URL", inbox),
        ("FORWARD_URL", url),
        ("DOORBELL__GATEWAY__LISTEN", "127.0.0.1:0"),
    ];
    variables.extend(more);
    variables
}

/// Waits until the inbox holds this many updates that are not done, and this many dead-letter updates.
async fn holds(app: &TestApp, open: u64, dead: u64) {
    waiting::until(&format!("{open} open and {dead} dead updates"), async || {
        let survey = app.survey().await;
        (survey.waiting + survey.held == open && survey.dead == dead).then_some(())
    })
    .await;
}

/// Waits until the status is as wanted.
async fn status_is(app: &TestApp, what: &str, is: impl Fn(&BotStatus) -> bool) -> BotStatus {
    let mut status = app.forward.as_ref().expect("there is a bot").status();
    let seen = tokio::time::timeout(Duration::from_secs(20), status.wait_for(is)).await;
    seen.unwrap_or_else(|_| panic!("the status never was {what}")).expect("the service runs").clone()
}
