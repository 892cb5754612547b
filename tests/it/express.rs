//! What stops a turn does not wait behind it, what must be answered soon does not wait behind slow updates, and what is
//! too old to answer is not handled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::HandlerError;
use doorbell::inbox::{Accepted, Filter, Selection, UpdateState, VerdictKind};
use doorbell::update::Update;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::harness::postgres::Database;
use crate::harness::waiting::until;
use crate::harness::{HandlerFn, TestAppBuilder, handler_fn, message};

/// An agent: each message is a turn that lasts until the test, or a Stop, lets it end.
#[derive(Clone)]
struct Agent {
    may_end: Arc<Semaphore>,
    /// What happened, in order.
    events: Arc<Mutex<Vec<String>>>,
}

impl Agent {
    fn new() -> Self {
        Self { may_end: Arc::new(Semaphore::new(0)), events: Arc::default() }
    }

    fn handler(&self) -> HandlerFn {
        let agent = self.clone();
        handler_fn(move |update| {
            let agent = agent.clone();
            async move {
                let is_turn = update.kind.name() == "message" && !update.body.windows(5).any(|text| text == b"/stop");
                agent.note(format!("{} begins", update.id));
                if is_turn {
                    agent.may_end.acquire().await.expect("it is never closed").forget();
                } else {
                    agent.may_end.add_permits(1);
                }
                agent.note(format!("{} ends", update.id));
                Ok(Vec::new())
            }
        })
    }

    fn note(&self, event: String) {
        self.events.lock().push(event);
    }

    async fn has(&self, event: &str) {
        until(event, async || self.events.lock().iter().any(|known| known == event).then_some(())).await;
    }
}

fn service(agent: &Agent) -> TestAppBuilder {
    TestAppBuilder::default().with("dispatch.express", "['/stop', 'stop:']").with_handler(agent.handler())
}

fn press(id: i64, chat: i64, data: &str) -> Value {
    json!({ "update_id": id, "callback_query": {
        "id": "1", "from": { "id": chat }, "data": data, "message": { "chat": { "id": chat }, "date": 1 },
    } })
}

fn stopped(id: i64, chat: i64) -> Value {
    json!({ "update_id": id, "stopped_message_generation": { "chat": { "id": chat }, "draft_id": 3 } })
}

/// A turn runs, its chat's next message waits, and `stop` arrives.
async fn stop_a_turn(stop: Value, inbox: Option<&str>) {
    let agent = Agent::new();
    let mut service = service(&agent);
    if let Some(url) = inbox {
        service = service.with("inbox.url", url);
    }
    let app = service.start().await;
    let (turn, next) = (message(1, 7, "work"), message(2, 7, "work"));
    let stop_it = async {
        agent.has("1 begins").await;
        // The memory store answers when an update has been handled.
        let wait = async {
            until("the next message waits", async || (app.survey().await.waiting == 1).then_some(())).await;
            assert_eq!(app.deliver(&stop).await.status, 200);
            agent.has("2 begins").await;
            agent.may_end.add_permits(1);
        };
        let (next, ()) = tokio::join!(app.deliver(&next), wait);
        assert_eq!(next.status, 200);
    };
    let (turn, ()) = tokio::join!(app.deliver(&turn), stop_it);
    assert_eq!(turn.status, 200);
    agent.has("2 ends").await;
    let expected = ["1 begins", "3 begins", "3 ends", "1 ends", "2 begins", "2 ends"];
    assert_eq!(*agent.events.lock(), expected);
}

#[tokio::test]
async fn a_stop_is_handled_while_the_turn_that_it_stops_runs() {
    for stop in [message(3, 7, "/stop"), press(3, 7, "stop:1"), stopped(3, 7)] {
        stop_a_turn(stop, None).await;
    }
}

#[tokio::test]
async fn a_stop_is_handled_while_the_turn_that_it_stops_runs_without_a_disk() {
    stop_a_turn(message(3, 7, "/stop"), Some("memory:")).await;
}

#[tokio::test]
async fn a_stop_is_handled_by_another_instance_than_the_turn_that_it_stops() {
    let Some(database) = Database::fresh().await else { return };
    let (busy, other) = (Agent::new(), Agent::new());
    let mut first = service(&busy).with("inbox.url", &database.url).start().await;
    assert_eq!(first.deliver(&message(1, 7, "work")).await.status, 200);
    busy.has("1 begins").await;
    let mut second = service(&other).with("inbox.url", &database.url).with_sandbox(&first.sandbox).start().await;
    assert_eq!(second.deliver(&message(2, 7, "next")).await.status, 200);
    assert_eq!(second.deliver(&stopped(3, 7)).await.status, 200);
    let ended = async |agent: &Agent| agent.events.lock().iter().any(|event| event == "3 ends");
    until("the stop to be handled", async || (ended(&busy).await || ended(&other).await).then_some(())).await;
    let has_next = |agent: &Agent| agent.events.lock().iter().any(|event| event == "2 begins");
    assert!(!has_next(&busy) && !has_next(&other), "the next message waits behind the turn");
    for agent in [&busy, &other] {
        agent.may_end.add_permits(2);
    }
    until("all is done", async || (first.survey().await == doorbell::inbox::Survey::default()).then_some(())).await;
    first.stop().await.unwrap();
    second.stop().await.unwrap();
}

#[tokio::test]
async fn without_the_setting_a_command_waits_behind_its_chat() {
    let agent = Agent::new();
    let app = TestAppBuilder::default().with_handler(agent.handler()).start().await;
    app.deliver(&message(1, 7, "work")).await;
    agent.has("1 begins").await;
    app.deliver(&message(2, 7, "/stop")).await;
    agent.may_end.add_permits(1);
    agent.has("2 ends").await;
    assert_eq!(*agent.events.lock(), ["1 begins", "1 ends", "2 begins", "2 ends"]);
}

#[tokio::test]
async fn in_telegrams_order_a_button_does_not_wait_for_the_messages_of_its_chat() {
    let agent = Agent::new();
    let app = TestAppBuilder::default().with("dispatch.order", "telegram").with_handler(agent.handler()).start().await;
    app.deliver(&message(1, 7, "work")).await;
    agent.has("1 begins").await;
    app.deliver(&press(2, 7, "any")).await;
    agent.has("1 ends").await;
    assert_eq!(*agent.events.lock(), ["1 begins", "2 begins", "2 ends", "1 ends"]);
}

#[tokio::test]
async fn a_payment_is_handled_although_ten_thousand_chats_wait_behind_slow_handlers() {
    let agent = Agent::new();
    let service = TestAppBuilder::default().with("dispatch.concurrency", 16).with("dispatch.handler_timeout", "1h");
    let app = service.with_handler(agent.handler()).start().await;
    let accept = |id| {
        let body = message(id, id, "work").to_string().into();
        app.inbox.accept(Update::parse(body, SystemClock.steady()).unwrap())
    };
    for stored in futures_util::future::join_all((1..=10_000).map(accept)).await {
        assert_eq!(stored.unwrap(), Accepted::Stored);
    }
    until("all slots are in use", async || (agent.events.lock().len() == 15).then_some(())).await;
    let payment = json!({ "update_id": 20_000, "pre_checkout_query": { "id": "1", "from": { "id": 5 } } });
    assert_eq!(app.deliver(&payment).await.status, 200);
    agent.has("20000 ends").await;
    assert!(app.survey().await.waiting > 9_900, "the messages still wait");
    agent.may_end.add_permits(10_000);
    app.drain().await;
}

#[tokio::test]
async fn updates_that_are_too_old_to_answer_end_as_expired_unless_the_operator_puts_them_back() {
    let clock = ManualClock::new(jiff::Timestamp::from_second(1_700_000_000).unwrap());
    let (runs, refuses) = (Arc::<Mutex<Vec<i64>>>::default(), Arc::new(AtomicBool::new(true)));
    let handler = {
        let (runs, refuses) = (Arc::clone(&runs), Arc::clone(&refuses));
        handler_fn(move |update| {
            runs.lock().push(update.id.0);
            let is_refused = update.id.0 == 4 && refuses.load(Ordering::SeqCst);
            async move { if is_refused { Err(HandlerError::Reject("not now".to_owned())) } else { Ok(Vec::new()) } }
        })
    };
    let service = TestAppBuilder::default().with("dispatch.max_age", "['message=10m']").with_clock(&clock);
    let app = service.with_handler(handler).start().await;
    app.deliver(&message(4, 7, "refused")).await;
    app.drain().await;
    clock.advance(Duration::from_mins(9));
    app.deliver(&message(1, 7, "still young")).await;
    app.drain().await;
    clock.advance(Duration::from_mins(1));
    app.deliver(&message(2, 7, "too old")).await;
    let edited = json!({ "update_id": 3, "edited_message": { "chat": { "id": 7 }, "edit_date": 1_700_000_000 } });
    app.deliver(&edited).await;
    app.drain().await;
    assert_eq!(*runs.lock(), [4, 1, 3], "another kind has no such age");
    assert_eq!(app.attempts().of(VerdictKind::Expired).get(), 1);
    let page = app.inbox.page(&Filter::default(), None, 10).await.unwrap();
    let states: Vec<_> = page.records.iter().map(|record| (record.id.0, record.state)).collect();
    let expected = [(4, UpdateState::Dead), (3, UpdateState::Done), (2, UpdateState::Expired), (1, UpdateState::Done)];
    assert_eq!(states, expected);

    clock.advance(Duration::from_mins(20));
    refuses.store(false, Ordering::SeqCst);
    assert_eq!(app.inbox.revive(&Selection::All).await.unwrap().len(), 1);
    app.inbox.sweep().await.unwrap();
    app.drain().await;
    assert_eq!(*runs.lock(), [4, 1, 3, 4], "who puts it back wants it handled");
}
