//! Retries and deletes dead letters: first a page with their number, then the action, which is logged.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use url::form_urlencoded;

use super::confirm::Confirm;
use super::frame::Tab;
use super::not_found::{self, Missing};
use super::reading::Unreadable;
use super::state::Console;
use super::visit::Visit;
use crate::http::pages::render;
use crate::inbox::{Filter, InboxError, Selection, UpdateState};
use crate::telemetry;
use crate::trail::Event;
use crate::update::UpdateId;

/// The most updates that one statement of the store moves, so that no acknowledgement waits for a large group.
const AT_ONCE: usize = 500;
/// The most ids of a form, and the most that the log names.
const IDS: usize = 1_000;
const NAMED: usize = 20;
/// The most groups that are searched for the number of one.
const GROUPS: usize = 1_000;

/// What is done with dead letters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Retry,
    Discard,
}

/// What a form asks for.
struct Order {
    action: Action,
    selection: Selection,
}

impl Order {
    /// Reads a form. `action` is that of the route, else of the button.
    fn of(form: &[u8], action: Option<Action>) -> Option<Self> {
        let fields: Vec<_> = form_urlencoded::parse(form).collect();
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.to_string());
        let action = match (action, field("action").as_deref()) {
            (Some(action), _) => action,
            (None, Some("retry")) => Action::Retry,
            (None, Some("discard")) => Action::Discard,
            (None, _) => return None,
        };
        let ids = fields.iter().filter(|(key, _)| key == "id").take(IDS).map(|(_, id)| id.parse().map(UpdateId));
        let selection = if field("all").is_some() {
            Selection::All
        } else if let Some(reason) = field("reason") {
            Selection::Reason(reason)
        } else {
            Selection::Ids(ids.collect::<Result<_, _>>().ok()?)
        };
        Some(Self { action, selection })
    }

    /// The same selection as hidden fields.
    fn fields(&self) -> Vec<(&'static str, String)> {
        match &self.selection {
            Selection::All => vec![("all", "1".to_owned())],
            Selection::Reason(reason) => vec![("reason", reason.clone())],
            Selection::Ids(ids) => ids.iter().map(|id| ("id", id.to_string())).collect(),
        }
    }
}

/// `POST /console/dead/confirm`: what the action does, and to how many.
pub(super) async fn confirm(State(console): State<Arc<Console>>, visit: Visit, form: Bytes) -> Response {
    let Some(order) = Order::of(&form, None) else { return not_found::show(&visit, Missing::DeadLetters) };
    let count = match console.count(&order.selection).await {
        Ok(0) => return not_found::show(&visit, Missing::DeadLetters),
        Ok(count) => count,
        Err(unreadable) => return not_found::unreadable(&visit, &unreadable),
    };
    let language = visit.language;
    let letters = language.count(
        count,
        ["dead letter", "dead letters"],
        ["необработанное обновление", "необработанных обновления", "необработанных обновлений"],
    );
    let (title, means, button, path, class) = match order.action {
        Action::Retry => (
            language.pick("Retry", "Повторить"),
            language.pick(
                "Each goes to the end of the queue of its chat and is handled again, with all its attempts. Calls that were \
                 already made are not repeated; a bot that failed halfway may answer twice.",
                "Каждое встанет в конец очереди своего чата и будет обработано заново, со всеми попытками. Уже сделанные \
                 вызовы не повторяются; бот, упавший на середине, может ответить дважды.",
            ),
            language.pick("Retry", "Повторить"),
            "/console/dead/retry",
            "",
        ),
        Action::Discard => (
            language.pick("Delete", "Удалить"),
            language.pick(
                "Their content is erased for ever and they are never handled. This cannot be undone.",
                "Их содержимое будет стёрто навсегда, обработаны они не будут. Отменить это нельзя.",
            ),
            language.pick("Delete for ever", "Удалить навсегда"),
            "/console/dead/discard",
            "bad",
        ),
    };
    if visit.is_json {
        return axum::Json(json!({ "updates": count })).into_response();
    }
    let mut sentences = vec![letters.clone() + ".", means.to_owned()];
    if let Selection::Reason(reason) = &order.selection {
        sentences.insert(1, reason.clone());
    }
    render(&Confirm {
        page: visit.still_page(&format!("{title}: {letters}")),
        frame: visit.frame(Tab::Dead),
        sentences,
        action: console.link(path),
        fields: order.fields(),
        button: format!("{button} ({count})"),
        class,
        back: console.link(Tab::Dead.path()),
    })
}

/// `POST /console/dead/retry`
pub(super) async fn retry(State(console): State<Arc<Console>>, visit: Visit, form: Bytes) -> Response {
    carry_out(&console, &visit, Order::of(&form, Some(Action::Retry))).await
}

/// `POST /console/dead/discard`
pub(super) async fn discard(State(console): State<Arc<Console>>, visit: Visit, form: Bytes) -> Response {
    carry_out(&console, &visit, Order::of(&form, Some(Action::Discard))).await
}

async fn carry_out(console: &Console, visit: &Visit, order: Option<Order>) -> Response {
    let Some(order) = order else { return not_found::show(visit, Missing::DeadLetters) };
    let (moved, failed) = console.carry_out(&order).await;
    report(&order, &moved);
    let event = || if order.action == Action::Retry { Event::Revived } else { Event::Discarded };
    for id in moved.iter().take(NAMED) {
        console.deps.trail.record(*id, event);
    }
    console.changed();
    match failed {
        Some(error) if moved.is_empty() => {
            tracing::warn!(error = %telemetry::chain(&error), "dead-letter updates could not be moved from the console");
            let unreadable = Unreadable { error: error.public_message() };
            not_found::unreadable(visit, &unreadable)
        }
        None if moved.is_empty() => not_found::show(visit, Missing::DeadLetters),
        _ if visit.is_json => {
            let ids: Vec<String> = moved.iter().map(ToString::to_string).collect();
            axum::Json(json!({ "updates": ids })).into_response()
        }
        _ => {
            let done = if order.action == Action::Retry { "retried" } else { "discarded" };
            Redirect::to(&console.link(&format!("/console/dead?{done}={}", moved.len()))).into_response()
        }
    }
}

/// Logs what was done, and with how many.
fn report(order: &Order, moved: &[UpdateId]) {
    if moved.is_empty() {
        return;
    }
    let (count, updates) =
        (moved.len(), moved.iter().take(NAMED).map(ToString::to_string).collect::<Vec<_>>().join(" "));
    match order.action {
        Action::Retry => {
            tracing::info!(count, updates, "the operator put dead-letter updates back, to be handled again");
        }
        Action::Discard => {
            tracing::info!(count, updates, "the operator deleted dead-letter updates");
        }
    }
}

impl Console {
    /// How many dead letters a selection has.
    async fn count(&self, selection: &Selection) -> Result<u64, Unreadable> {
        let inbox = &self.deps.inbox;
        Ok(match selection {
            Selection::All => self.read(inbox.count_by_state()).await?.dead,
            Selection::Reason(reason) => {
                let groups = self.read(inbox.dead_by_reason(GROUPS)).await?;
                groups.iter().find(|group| group.reason == *reason).map_or(0, |group| group.count)
            }
            Selection::Ids(ids) => self.read(inbox.list(selection, ids.len().max(1))).await?.len() as u64,
        })
    }

    /// Carries an order out, a bounded number of updates at a time. Returns those that were moved, also when the store
    /// failed on the way.
    async fn carry_out(&self, order: &Order) -> (Vec<UpdateId>, Option<InboxError>) {
        let mut moved = Vec::new();
        let reason = match &order.selection {
            Selection::Ids(_) => {
                let failed = self.carry_out_once(order.action, &order.selection, &mut moved).await.err();
                return (moved, failed);
            }
            Selection::Reason(reason) => Some(reason.clone()),
            Selection::All => None,
        };
        let filter = Filter { state: Some(UpdateState::Dead), reason, ..Filter::default() };
        let mut before = None;
        loop {
            let page = match self.deps.inbox.page(&filter, before, AT_ONCE).await {
                Ok(page) => page,
                Err(error) => return (moved, Some(error)),
            };
            let ids: Vec<_> = page.records.iter().map(|record| record.id).collect();
            if !ids.is_empty()
                && let Err(error) = self.carry_out_once(order.action, &Selection::Ids(ids), &mut moved).await
            {
                return (moved, Some(error));
            }
            // An update that died again meanwhile is on an earlier page, so this ends.
            before = page.next;
            if before.is_none() {
                return (moved, None);
            }
        }
    }

    async fn carry_out_once(
        &self,
        action: Action,
        selection: &Selection,
        moved: &mut Vec<UpdateId>,
    ) -> Result<(), InboxError> {
        moved.extend(match action {
            Action::Retry => self.deps.inbox.revive(selection).await?,
            Action::Discard => self.deps.inbox.discard(selection).await?,
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(form: &str) -> Option<Selection> {
        Order::of(form.as_bytes(), Some(Action::Retry)).map(|order| order.selection)
    }

    #[test]
    fn a_form_selects_some_a_group_or_all() {
        let ids = vec![UpdateId(1), UpdateId(-2)];
        assert_eq!(selection("id=1&id=-2&action=retry"), Some(Selection::Ids(ids)));
        assert_eq!(selection("reason=a+%3Cb%3E"), Some(Selection::Reason("a <b>".to_owned())));
        assert_eq!(selection("all=1"), Some(Selection::All));
        assert_eq!(selection("id=1&id=x"), None);
        assert_eq!(selection(""), Some(Selection::Ids(vec![])));
        assert!(Order::of(b"id=1", None).is_none() && Order::of(b"id=1&action=burn", None).is_none());
    }
}
