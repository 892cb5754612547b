//! The overview: whether each part is well, in the sentences of `/healthz` and the log, and what to do if not.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

use super::charts::{Chart, charts};
use super::frame::{Frame, Tab};
use super::level::{Level, Tag};
use super::reading::{Unreadable, plain};
use super::state::Console;
use super::visit::Visit;
use super::when::{When, age};
use crate::clock::elapsed;
use crate::http::pages::{Language, Page};
use crate::inbox::StateCounts;

/// The status of a part.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    /// Which part, in the language of the page.
    part: String,
    level: Level,
    #[serde(skip)]
    tag: Tag,
    /// What happened and what to do, as in the log: in English.
    says: String,
}

/// The data of the page.
#[derive(Debug, Serialize)]
struct Overview {
    version: &'static str,
    uptime_s: u64,
    paused: bool,
    parts: Vec<Status>,
    #[serde(serialize_with = "plain")]
    updates: Result<StateCounts, Unreadable>,
    charts: Vec<Chart>,
}

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a Overview,
    /// The numbers, or the last known ones while the store is away.
    counts: Option<StateCounts>,
    /// When the last known ones were read, if they are not of now.
    last_at: Option<When>,
    uptime: String,
}

/// `GET /console`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let (service, language) = (&console.deps.service, visit.language);
    let updates = console.read(console.deps.inbox.count_by_state()).await;
    let uptime = elapsed(service.started_at, service.clock.now());
    let data = Overview {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: uptime.as_secs(),
        paused: console.handling().is_paused(),
        parts: parts(&console, &updates, language),
        updates,
        charts: charts(&console.samples.history(), language),
    };
    let last = console.remember(data.updates.as_ref().ok().copied());
    visit.respond(&data, || OverviewPage {
        page: visit.page(Tab::Overview.name(language)),
        frame: visit.frame(Tab::Overview),
        counts: last.map(|(_, counts)| counts),
        last_at: last.filter(|_| data.updates.is_err()).map(|(at, _)| visit.when(at)),
        data: &data,
        uptime: age(uptime, language),
    })
}

fn parts(console: &Console, updates: &Result<StateCounts, Unreadable>, language: Language) -> Vec<Status> {
    let service = &console.deps.service;
    let status = |part: &str, level: Level, says: String| Status {
        part: part.to_owned(),
        level,
        tag: level.tag(language),
        says,
    };
    let registration = service.registration.borrow().clone();
    let health = service.webhook_health.borrow().clone();
    let (webhook, telegram) = (language.pick("Webhook", "Вебхук"), "Telegram");
    let mut parts = vec![status(webhook, super::webhook::level(&registration), registration.sentence())];
    if let Some(trouble) = health.trouble {
        parts.push(status(webhook, Level::Bad, trouble));
    }
    if let Some(conflict) = health.conflict {
        parts.push(status(webhook, Level::Warn, conflict));
    }
    let store = language.pick("Store", "Хранилище");
    parts.push(match updates {
        Ok(_) if console.is_memory => status(
            store,
            Level::Ok,
            "Updates are in memory: Telegram keeps each one until it has been handled, and gets 200 then.".to_owned(),
        ),
        Ok(_) => status(store, Level::Ok, "Updates are stored durably before Telegram gets 200.".to_owned()),
        Err(Unreadable { error }) => status(store, Level::Bad, error.clone()),
    });
    if let Some(bot) = &service.bot {
        let bot = bot.status.borrow();
        let level = if bot.is_available() { Level::Ok } else { Level::Bad };
        parts.push(status(language.pick("Your bot", "Ваш бот"), level, bot.sentence()));
    }
    let dispatch = &console.deps.dispatch;
    parts.push(match (dispatch.telegram_outage(), dispatch.telegram_slowness()) {
        (Some(outage), _) => status(telegram, Level::Bad, outage.to_owned()),
        (None, Some(slowness)) => status(telegram, Level::Warn, slowness.to_owned()),
        (None, None) => status(telegram, Level::Ok, "Telegram carries out calls.".to_owned()),
    });
    if let Some(advice) = &service.advice {
        parts.push(status(language.pick("Advice", "Совет"), Level::Warn, advice.clone()));
    }
    parts
}
