//! Your own bot: where it listens, whether it takes updates, what went wrong last, and its last lines of output.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use url::Url;

use super::frame::{Frame, Tab};
use super::level::{Level, Tag};
use super::state::Console;
use super::visit::Visit;
use super::when::When;
use crate::handler::forward::BotStatus;
use crate::http::pages::Page;
use crate::telemetry::Label;
use crate::trail::Event;

/// How many of the latest updates are searched for errors, and how many errors are shown.
const SEARCHED: usize = 200;
const ERRORS: usize = 10;

/// The data of the page.
#[derive(Debug, Serialize)]
struct BotView {
    status: Option<&'static str>,
    #[serde(skip)]
    tag: Tag,
    says: Option<String>,
    /// The status of its process, if Doorbell runs it.
    process: Option<String>,
    target: Option<TargetView>,
    errors: Vec<Failure>,
    /// The last lines that the bot wrote, the oldest first.
    output: Vec<Line>,
}

/// Where the bot wants its updates. The path of its URL is often a secret and is not shown.
#[derive(Debug, Serialize)]
struct TargetView {
    address: String,
    allowed_updates: Option<Vec<String>>,
    max_connections: Option<u32>,
    has_secret_token: bool,
    is_paused: bool,
}

/// An update with which the bot failed.
#[derive(Debug, Serialize)]
struct Failure {
    update: String,
    at: When,
    text: String,
}

#[derive(Debug, Serialize)]
struct Line {
    at: When,
    stream: &'static str,
    text: String,
}

#[derive(Template)]
#[template(path = "console/bot.html")]
struct BotPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a BotView,
    is_there: bool,
    runs: bool,
}

/// `GET /console/bot`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let bot = console.deps.bot.as_ref();
    let status = bot.map(|bot| bot.forward.status().borrow().clone());
    let process = bot.and_then(|bot| bot.process.as_ref());
    let lines = process.map(|process| process.output.last_lines()).unwrap_or_default();
    let line = |line: crate::process::Line| Line {
        at: visit.when(line.at),
        stream: line.stream,
        text: line.text.replace(|c: char| c.is_control() && c != '\t', "\u{fffd}"),
    };
    let data = BotView {
        status: status.as_ref().map(|status| status.name().name()),
        tag: if status.as_ref().is_none_or(BotStatus::is_available) { Level::Ok } else { Level::Bad }
            .tag(visit.language),
        says: status.as_ref().map(BotStatus::sentence),
        process: process.map(|process| process.status.borrow().sentence()),
        target: bot.and_then(|bot| bot.forward.targets().current()).map(|target| TargetView {
            address: address(&target.url),
            allowed_updates: target.allowed_updates,
            max_connections: target.max_connections,
            has_secret_token: target.secret_token.is_some(),
            is_paused: target.is_paused,
        }),
        errors: errors(&console, &visit),
        output: lines.into_iter().map(line).collect(),
    };
    visit.respond(&data, || BotPage {
        page: visit.page(Tab::Bot.name(visit.language)),
        frame: visit.frame(Tab::Bot),
        is_there: bot.is_some(),
        runs: process.is_some(),
        data: &data,
    })
}

/// The scheme, host and port of a URL.
fn address(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => {
            let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
            format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
        }
        Err(_) => "an address that is no URL".to_owned(),
    }
}

/// The latest updates that the handler or the bot failed with, from the trail.
fn errors(console: &Console, visit: &Visit) -> Vec<Failure> {
    let latest = console.deps.trail.latest(SEARCHED);
    let failures = latest.into_iter().filter_map(|(id, ..)| {
        let steps = console.deps.trail.of(id)?;
        let failed = steps.iter().rev().find_map(|step| match &step.event {
            Event::Failed { reason, .. } | Event::Ended { reason: Some(reason), .. } => Some((step.at, reason.clone())),
            Event::Stored { .. }
            | Event::Known
            | Event::NotStored { .. }
            | Event::Started { .. }
            | Event::Handled { .. }
            | Event::Forwarded { .. }
            | Event::Called { .. }
            | Event::Ended { reason: None, .. }
            | Event::Revived
            | Event::Discarded => None,
        });
        failed.map(|(at, text)| Failure { update: id.to_string(), at: visit.when(at), text })
    });
    failures.take(ERRORS).collect()
}
