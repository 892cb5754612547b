//! The trail: what happened to an update, from the request to the reply, as the pages show it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::HandlerError;
use doorbell::sandbox::{Fault, FaultKind};
use doorbell::telegram::Call;
use doorbell::trail::{Event, Step};
use doorbell::update::UpdateId;
use serde_json::Value;

use crate::harness::waiting::until;
use crate::harness::{SECRET, TestApp, TestAppBuilder, handler_fn, message, post};

/// What a person writes.
const TEXT: &str = "SECRET-OF-ANN";

/// A service with a console, and so with a trail.
pub(crate) fn with_trail(app: TestAppBuilder) -> TestAppBuilder {
    app.with("console.token", "CANARY-of-the-operator")
}

/// Waits until an attempt at the update has ended with this verdict, and returns the steps so far.
pub(crate) async fn ended(app: &TestApp, update: i64, verdict: &str) -> Vec<Step> {
    until(verdict, async || {
        let steps = app.trail.of(UpdateId(update))?;
        let is_end = |step: &Step| matches!(&step.event, Event::Ended { verdict: seen, .. } if *seen == verdict);
        (steps.iter().any(is_end) && steps.iter().any(|step| matches!(step.event, Event::Stored { .. })))
            .then_some(steps)
    })
    .await
}

/// The steps as the pages get them, without their times.
pub(crate) fn told(steps: &[Step]) -> Vec<String> {
    let tell = |step: &Step| {
        let told = serde_json::to_value(step).expect("a step is JSON");
        let text = |name: &str| match &told[name] {
            Value::Null => None,
            Value::String(text) => Some(format!("{name}={text}")),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(format!("{name}={other}"))
            }
        };
        let fields =
            ["kind", "chat_key", "attempt", "calls", "status", "method", "outcome", "verdict", "reason", "error"];
        let fields: Vec<_> = fields.into_iter().filter_map(text).collect();
        format!("{} {}", told["event"].as_str().expect("a name"), fields.join(" ")).trim().to_owned()
    };
    steps.iter().map(tell).collect()
}

fn in_order(steps: &[Step]) -> bool {
    steps.is_sorted_by_key(|step| step.at)
}

#[tokio::test]
async fn the_trail_of_a_start_goes_from_the_request_to_the_reply_and_holds_no_text_of_a_person() {
    let handler = handler_fn(|_| async { Ok(vec![Call::send_message(7, TEXT)]) });
    let app = with_trail(TestAppBuilder::default().with_handler(handler)).start().await;
    let update = message(1, 7, TEXT);
    assert_eq!(app.deliver(&update).await.status, 200);
    let steps = ended(&app, 1, "done").await;
    let expected = [
        "stored kind=message chat_key=chat:7",
        "started attempt=1",
        "handled calls=1",
        "called method=sendMessage outcome=ok",
        "ended verdict=done",
    ];
    assert_eq!(told(&steps), expected);
    assert!(in_order(&steps), "{steps:?}");
    let json = serde_json::to_value(&steps).expect("steps are JSON");
    assert!(json[0]["took"].as_f64() > Some(0.0) && json[3]["took"].as_f64() > Some(0.0), "{json}");
    assert_eq!(json[0]["bytes"], update.to_string().len());
    assert!(!json.to_string().contains(TEXT) && !json.to_string().contains("Ann"), "{json}");

    // Telegram delivers it once more.
    assert_eq!(app.deliver(&update).await.status, 200);
    let steps = app.trail.of(UpdateId(1)).expect("it is one of the latest");
    assert_eq!(told(&steps[5..]), ["known"]);
    assert_eq!(app.trail.latest(10).len(), 1);
}

#[tokio::test]
async fn the_trail_of_a_retried_update_says_why_and_when_it_is_tried_again() {
    let has_failed = Arc::new(AtomicBool::new(false));
    let handler = handler_fn(move |_| {
        let fails = !has_failed.swap(true, Ordering::Relaxed);
        async move { if fails { Err(HandlerError::Retry("no luck".to_owned())) } else { Ok(Vec::new()) } }
    });
    let clock = ManualClock::new(SystemClock.now());
    let app = with_trail(TestAppBuilder::default().with_handler(handler)).with_clock(&clock).start().await;
    assert_eq!(app.deliver(&message(1, 7, TEXT)).await.status, 200);
    let steps = ended(&app, 1, "retry").await;
    let reason = "reason=the bot failed: no luck";
    assert_eq!(told(&steps[2..]), [format!("failed {reason}"), format!("ended verdict=retry {reason}")]);
    let Event::Ended { next_at: Some(next_at), .. } = steps[3].event else { panic!("{steps:?}") };
    let wait = next_at.duration_since(clock.now());
    assert!(wait.as_millis() > 0 && wait.as_secs() <= 1, "{wait:?}");
    clock.advance(Duration::from_secs(1));
    let steps = ended(&app, 1, "done").await;
    assert_eq!(told(&steps[4..]), ["started attempt=2", "handled calls=0", "ended verdict=done"]);
}

#[tokio::test]
async fn the_trail_of_a_refused_call_has_telegrams_answer() {
    let handler = handler_fn(|_| async { Ok(vec![Call::send_message(7, TEXT), Call::send_message(7, "second")]) });
    let mut app = with_trail(TestAppBuilder::default().with_handler(handler)).start().await;
    app.registered().await;
    app.allow_unfinished_work = true;
    let description = "Bad Request: not enough rights to send text messages to the chat".to_owned();
    let what = FaultKind::Status { code: 400, description, retry_after: None };
    app.sandbox.add_fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what });
    assert_eq!(app.deliver(&message(1, 7, TEXT)).await.status, 200);
    let told = told(&ended(&app, 1, "dead").await);
    assert!(
        told[3].starts_with("called method=sendMessage outcome=refused")
            && told[3].contains("rights to send text messages"),
        "{told:?}"
    );
    assert_eq!(told[4], "called method=sendMessage outcome=ok");
    assert!(told[5].starts_with("ended verdict=dead") && told[5].contains("rights to send text messages"), "{told:?}");
    assert!(!told.join(" ").contains(TEXT), "{told:?}");
}

#[tokio::test]
async fn an_update_that_is_not_stored_has_a_trail_that_says_why() {
    let failing = handler_fn(|_| async { Err(HandlerError::Retry("no".to_owned())) });
    let app = with_trail(TestAppBuilder::default().with_handler(failing)).with("inbox.capacity", 1);
    // The failed update stays in the inbox while the clock stands still.
    let clock = ManualClock::new(SystemClock.now());
    let mut app = app.with_clock(&clock).start().await;
    app.allow_unfinished_work = true;
    assert_eq!(app.deliver(&message(1, 7, TEXT)).await.status, 200);
    ended(&app, 1, "retry").await;
    assert_eq!(app.deliver(&message(2, 8, TEXT)).await.status, 503);
    let steps = app.trail.of(UpdateId(2)).expect("it is one of the latest");
    assert_eq!(told(&steps), ["not_stored reason=full"]);
}

#[tokio::test]
async fn without_a_console_there_is_no_trail_and_a_request_that_is_refused_leaves_none() {
    let app = TestApp::spawn().await;
    assert!(!app.trail.is_on() && app.trail.changes().is_none());
    let app = with_trail(TestAppBuilder::default()).start().await;
    let mut changes = app.trail.changes().expect("it is on");
    assert_eq!(post(app.addr, Some("wrong"), message(1, 7, TEXT).to_string().as_bytes()).await.status, 401);
    assert_eq!(post(app.addr, Some(SECRET), b"no update").await.status, 400);
    assert!(app.trail.latest(10).is_empty() && !changes.has_changed().expect("it is on"));
    assert_eq!(app.deliver(&message(2, 7, TEXT)).await.status, 200);
    changes.changed().await.expect("it is on");
    app.drain().await;
}

#[tokio::test]
async fn the_settings_bound_the_trail() {
    let app = with_trail(TestAppBuilder::default()).with("console.trail_updates", 3);
    let app = app.with_handler(handler_fn(|_| async { Ok(Vec::new()) })).start().await;
    for id in 1..=5 {
        assert_eq!(app.deliver(&message(id, id, TEXT)).await.status, 200);
        ended(&app, id, "done").await;
    }
    let latest: Vec<_> = app.trail.latest(10).into_iter().map(|(id, ..)| id.0).collect();
    assert_eq!(latest, [5, 4, 3]);
}
