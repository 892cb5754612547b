//! The table of updates: by state, kind and chat, with a search by the id of an update or a chat, a page at a time.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use url::form_urlencoded;

use super::frame::{Frame, Tab};
use super::reading::{Unreadable, plain};
use super::rows::{Row, STATES, state_key, state_name};
use super::state::Console;
use super::visit::Visit;
use crate::http::pages::{Language, Page};
use crate::inbox::{Cursor, Filter, StateCounts, UpdateState};
use crate::update::{ChatKey, Kind, UpdateId};

/// The updates of one page.
const LIMIT: usize = 50;

/// The data of the page.
#[derive(Debug, Serialize)]
struct Updates {
    /// The update whose number is searched for.
    update: Option<String>,
    #[serde(serialize_with = "plain")]
    counts: Result<StateCounts, Unreadable>,
    #[serde(serialize_with = "plain")]
    found: Result<Found, Unreadable>,
    /// What of the search or the filter could not be understood.
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Found {
    updates: Vec<Row>,
    /// The `before` of the next page.
    next: Option<String>,
    /// Whether the search ended before the page was full. The next page goes on with it.
    searched_all: bool,
}

/// What the query asks for.
struct Query {
    filter: Filter,
    before: Option<Cursor>,
    /// The update that the search can mean.
    update: Option<UpdateId>,
    /// The search as it was typed.
    search: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "console/updates.html")]
struct UpdatesPage<'a> {
    page: Page,
    frame: Frame,
    data: &'a Updates,
    states: Vec<StateLink>,
    state: Option<&'static str>,
    kind: String,
    search: String,
    is_filtered: bool,
    /// The address of the next page.
    next: Option<String>,
    /// Whether this is not the first page.
    is_later: bool,
    is_memory: bool,
}

/// A link to the updates of one state.
struct StateLink {
    link: String,
    name: &'static str,
    count: Option<u64>,
    is_current: bool,
}

/// `GET /console/updates`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let query = Query::of(&visit);
    let update = match query.update {
        Some(id) if is_known(&console, id).await => Some(id.to_string()),
        _ => None,
    };
    let inbox = &console.deps.inbox;
    let counts = console.read(inbox.count_by_state()).await;
    let found = console.read(inbox.page(&query.filter, query.before, LIMIT)).await.map(|page| Found {
        updates: page.records.into_iter().map(|record| Row::new(record, &visit)).collect(),
        next: page.next.map(|next| next.to_string()),
        searched_all: page.scanned_all,
    });
    let data = Updates { update, counts, found, problem: query.problem.clone() };
    if let Some(id) = data.update.as_ref().filter(|id| !visit.is_json && data.has_only(id)) {
        return Redirect::to(&console.link(&format!("/console/updates/{id}"))).into_response();
    }
    visit.respond(&data, || {
        let next = data.found.as_ref().ok().and_then(|found| found.next.as_deref());
        let is_filtered = query.filter != Filter::default() || !query.search.is_empty();
        UpdatesPage {
            page: visit.page(Tab::Updates.name(visit.language)),
            frame: visit.frame(Tab::Updates),
            states: states(&console, &query, data.counts.as_ref().ok(), visit.language),
            state: query.filter.state.map(state_key),
            kind: query.filter.kind.as_ref().map(|kind| kind.name().to_owned()).unwrap_or_default(),
            search: query.search.clone(),
            is_filtered,
            next: next.map(|before| console.link(&query.address(query.filter.state, Some(before)))),
            is_later: query.before.is_some(),
            is_memory: console.is_memory,
            data: &data,
        }
    })
}

/// Whether there is a page for this update.
async fn is_known(console: &Console, id: UpdateId) -> bool {
    console.deps.trail.of(id).is_some() || matches!(console.read(console.deps.inbox.find(id)).await, Ok(Some(_)))
}

/// The update that a search can mean: by its number, or by the address of its page. A number can be that of a chat too.
fn update_of(search: &str) -> Option<UpdateId> {
    let number = match search.rsplit_once("/console/updates/") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next()?,
        None => search.strip_prefix("update:").unwrap_or(search),
    };
    number.parse().ok().map(UpdateId)
}

impl Updates {
    /// Whether the list adds nothing to the page of this update.
    fn has_only(&self, id: &str) -> bool {
        self.found.as_ref().map_or(true, |found| found.updates.iter().all(|row| row.id == id))
    }
}

impl Query {
    fn of(visit: &Visit) -> Self {
        let language = visit.language;
        let mut problem = None;
        let state = visit.query("state").and_then(|name| {
            let state = STATES.into_iter().find(|state| state_key(*state) == name);
            if state.is_none() {
                let text =
                    language.pick("There is no such state, so all are shown.", "Такого состояния нет, показаны все.");
                problem = Some(text.to_owned());
            }
            state
        });
        let search = visit.query("q").unwrap_or_default().to_owned();
        let update = update_of(&search);
        let chat_key = chat_of(&search).or(update.map(|id| ChatKey::update(id.0)));
        if chat_key.is_none() && !search.is_empty() {
            let text = language.pick(
                "A search is the number of an update or of a chat, such as 42, -100123 or user:42.",
                "Ищите по номеру обновления или чата, например 42, -100123 или user:42.",
            );
            problem = Some(text.to_owned());
        }
        let kind = visit.query("kind").map(Kind::named);
        let before = visit.query("before").and_then(|cursor| cursor.parse().ok());
        Self { filter: Filter { state, kind, chat_key, reason: None }, before, update, search, problem }
    }

    /// The address of the same list with this state, after this position.
    fn address(&self, state: Option<UpdateState>, before: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let kind = self.filter.kind.as_ref().map(|kind| kind.name().to_owned());
        for (name, value) in [
            ("state", state.map(|state| state_key(state).to_owned())),
            ("kind", kind),
            ("q", Some(self.search.clone()).filter(|search| !search.is_empty())),
            ("before", before.map(ToOwned::to_owned)),
        ] {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        let query = query.finish();
        if query.is_empty() { "/console/updates".to_owned() } else { format!("/console/updates?{query}") }
    }
}

/// The chat of a search: `42` and `-100123` are chats, `user:42` is a person without a chat.
pub(super) fn chat_of(search: &str) -> Option<ChatKey> {
    search.parse::<i64>().map(ChatKey::chat).ok().or_else(|| search.parse().ok())
}

fn states(console: &Console, query: &Query, counts: Option<&StateCounts>, language: Language) -> Vec<StateLink> {
    let count = |state: UpdateState| match state {
        UpdateState::Waiting => counts.map(|counts| counts.waiting),
        UpdateState::Held => counts.map(|counts| counts.held),
        UpdateState::Done => counts.and_then(|counts| counts.done),
        UpdateState::Dead => counts.map(|counts| counts.dead),
        UpdateState::Expired => counts.and_then(|counts| counts.expired),
        UpdateState::Discarded => None,
    };
    let link = |state: Option<UpdateState>| StateLink {
        link: console.link(&query.address(state, None)),
        name: state.map_or(language.pick("all", "все"), |state| state_name(state, language)),
        count: state.and_then(count),
        is_current: query.filter.state == state,
    };
    [None].into_iter().chain(STATES.map(Some)).map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_is_found_by_its_number_and_by_the_address_of_its_page() {
        for (search, id) in [
            ("42", Some(42)),
            ("update:42", Some(42)),
            ("https://bot.example/path/console/updates/42?lang=ru", Some(42)),
            ("/console/updates/42/content#curl", Some(42)),
            ("https://bot.example/console/updates?q=42", None),
            ("chat:42", None),
            ("Ann", None),
            ("", None),
        ] {
            assert_eq!(update_of(search), id.map(UpdateId), "{search}");
        }
    }

    #[test]
    fn a_search_is_a_chat_or_a_key() {
        for (search, key) in [
            ("42", Some(ChatKey::chat(42))),
            ("-1001234567890", Some(ChatKey::chat(-1_001_234_567_890))),
            ("user:7", Some(ChatKey::user(7))),
            ("Ann", None),
            ("", None),
        ] {
            assert_eq!(chat_of(search), key, "{search}");
        }
    }
}
