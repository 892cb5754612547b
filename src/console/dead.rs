//! Dead letters: grouped by error and explained, to be retried or deleted one by one, some, or a whole group.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use url::form_urlencoded;

use super::frame::{Frame, Tab};
use super::reading::{Unreadable, plain};
use super::rows::Row;
use super::state::Console;
use super::visit::Visit;
use super::when::When;
use crate::http::pages::Page;
use crate::inbox::{Cursor, DeadGroup, Filter, UpdateState};
use crate::registrar::{Explanation, explain};

/// The most groups of the page.
const GROUPS: usize = 50;
/// The dead letters of one page.
const LIMIT: usize = 50;

/// The data of the page.
#[derive(Debug, Serialize)]
struct DeadLetters {
    #[serde(serialize_with = "plain")]
    groups: Result<Vec<Group>, Unreadable>,
    #[serde(serialize_with = "plain")]
    found: Result<Found, Unreadable>,
}

/// The dead letters with the same reason.
#[derive(Debug, Serialize)]
struct Group {
    reason: String,
    count: u64,
    oldest: When,
    newest: When,
    example: String,
    explanation: Option<Explanation>,
    /// Its count in words.
    #[serde(skip)]
    updates: String,
    /// The address of its dead letters.
    #[serde(skip)]
    link: String,
}

#[derive(Debug, Serialize)]
struct Found {
    updates: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/dead.html")]
struct DeadPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a DeadLetters,
    /// The group whose dead letters are shown.
    reason: Option<String>,
    next: Option<String>,
    total: u64,
    is_later: bool,
}

/// `GET /console/dead`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let inbox = &console.deps.inbox;
    let reason = visit.query("reason").map(ToOwned::to_owned);
    let filter = Filter { state: Some(UpdateState::Dead), reason: reason.clone(), ..Filter::default() };
    let before: Option<Cursor> = visit.query("before").and_then(|cursor| cursor.parse().ok());
    let groups = console.read(inbox.dead_by_reason(GROUPS)).await;
    let found = console.read(inbox.page(&filter, before, LIMIT)).await.map(|page| Found {
        updates: page.records.into_iter().map(|record| Row::new(record, &visit)).collect(),
        next: page.next.map(|next| next.to_string()),
    });
    let groups = groups.map(|groups| groups.into_iter().map(|group| Group::new(group, &console, &visit)).collect());
    let data = DeadLetters { groups, found };
    visit.respond(&data, || {
        let next = data.found.as_ref().ok().and_then(|found| found.next.as_deref());
        DeadPage {
            page: visit.page(Tab::Dead.name(visit.language)),
            frame: visit.frame(Tab::Dead),
            next: next.map(|before| console.link(&address(reason.as_deref(), Some(before)))),
            total: data.groups.as_ref().map_or(0, |groups| groups.iter().map(|group| group.count).sum()),
            is_later: before.is_some(),
            reason,
            data: &data,
        }
    })
}

impl Group {
    fn new(group: DeadGroup, console: &Console, visit: &Visit) -> Self {
        Self {
            explanation: explain(&group.reason),
            count: group.count,
            updates: visit.language.count(
                group.count,
                ["update", "updates"],
                ["обновление", "обновления", "обновлений"],
            ),
            oldest: visit.when(group.oldest),
            newest: visit.when(group.newest),
            example: group.example.to_string(),
            link: console.link(&address(Some(&group.reason), None)),
            reason: group.reason,
        }
    }
}

/// The address of the dead letters with this reason, after this position.
fn address(reason: Option<&str>, before: Option<&str>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("reason", reason), ("before", before)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    format!("/console/dead?{}", query.finish())
}
