//! What the actions do, and what the log says about them.

use std::sync::atomic::Ordering;

use super::{Operator, Rejects, with_console};
use crate::harness::waiting::until;
use crate::harness::{Log, TestApp, count_calls, message};

/// A service with three dead letters of one error and one of another.
async fn with_dead(rejects: &Rejects) -> TestApp {
    let mut app = with_console().with_handler(rejects.clone()).start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    for (id, text) in [(1, "<b>"), (2, "<b>"), (3, "<b>"), (4, "other")] {
        assert_eq!(app.deliver(&message(id, id, text)).await.status, 200);
    }
    until("four are given up", async || (app.survey().await.dead == 4).then_some(())).await;
    app
}

#[tokio::test]
async fn a_group_of_dead_letters_is_retried_after_its_number_was_shown() {
    let (log, rejects) = (Log::capture(), Rejects::default());
    let app = with_dead(&rejects).await;
    let operator = Operator::log_in(&app).await;
    let groups = operator.json("/console/dead").await["groups"].clone();
    let counts: Vec<_> = groups.as_array().unwrap().iter().map(|group| group["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [3, 1], "{groups}");
    let reason = groups[0]["reason"].as_str().unwrap();
    let selected = operator.json("/console/dead?reason=the+bot+refuses+the+update:+rejected+%3Cb%3E").await;
    assert_eq!(selected["found"]["updates"].as_array().unwrap().len(), 3, "{selected}");

    let confirm = operator.post("/console/dead/confirm", &[("reason", reason), ("action", "retry")]).await;
    assert!(confirm.status == 200 && confirm.body.contains("3 dead letters"), "{confirm:?}");
    assert!(
        confirm.body.contains("action=\"/console/dead/retry\"") && confirm.body.contains("Retry (3)"),
        "{confirm:?}"
    );
    assert_eq!(app.survey().await.dead, 4, "nothing has happened yet");

    rejects.repaired.store(true, Ordering::SeqCst);
    let done = operator.post("/console/dead/retry", &[("reason", reason)]).await;
    assert_eq!((done.status, done.header("location")), (303, Some("/console/dead?retried=3")));
    assert!(operator.get("/console/dead?retried=3").await.body.contains("3 updates: put back to be handled again."));
    until("they are handled", async || (app.survey().await.waiting == 0).then_some(())).await;
    assert_eq!(app.survey().await.dead, 1);
    let lines = log.lines("the operator put dead-letter updates back");
    assert!(lines.len() == 1 && lines[0].contains("count=3"), "{lines:?}");
    assert_eq!(
        operator.post("/console/dead/retry", &[("reason", reason)]).await.status,
        404,
        "there are none any more"
    );
}

#[tokio::test]
async fn some_dead_letters_are_deleted_and_then_all() {
    let (log, rejects) = (Log::capture(), Rejects::default());
    let app = with_dead(&rejects).await;
    let operator = Operator::log_in(&app).await;
    let some = [("id", "1"), ("id", "4"), ("id", "99"), ("action", "discard")];
    let confirm = operator.post("/console/dead/confirm", &some).await;
    assert!(confirm.body.contains("2 dead letters") && confirm.body.contains("Delete for ever (2)"), "{confirm:?}");
    let done = operator.post("/console/dead/discard", &some).await;
    assert_eq!(done.header("location"), Some("/console/dead?discarded=2"));
    assert_eq!(app.survey().await.dead, 2);
    let done = operator.post("/console/dead/discard", &[("all", "1")]).await;
    assert_eq!(done.header("location"), Some("/console/dead?discarded=2"));
    assert_eq!(app.survey().await.dead, 0);
    assert_eq!(log.lines("the operator deleted dead-letter updates").len(), 2);
    for nothing in [&[("id", "x")][..], &[], &[("action", "burn"), ("id", "1")]] {
        assert_eq!(operator.post("/console/dead/confirm", nothing).await.status, 404, "{nothing:?}");
    }
}

#[tokio::test]
async fn the_webhook_is_registered_at_once_and_the_history_says_so() {
    let app = with_console().start().await;
    app.registered().await;
    let operator = Operator::log_in(&app).await;
    let page = operator.json("/console/webhook").await;
    assert_eq!((&page["standing"], &page["can_register"]), (&"active".into(), &true.into()), "{page}");
    let row = |name: &str| page["rows"].as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!((&row("url")["wanted"], &row("url")["seen"]), (&"127.0.0.1".into(), &"127.0.0.1".into()));
    let before = count_calls(&app.sandbox, "setWebhook");
    assert!(operator.get("/console/webhook/register").await.body.contains("sets the webhook at Telegram again"));
    let done = operator.post("/console/webhook/register", &[]).await;
    assert_eq!(done.header("location"), Some("/console/webhook?done=registering"));
    until("it is set again", async || (count_calls(&app.sandbox, "setWebhook") > before).then_some(())).await;
    let history = operator.json("/console/webhook").await["history"].to_string();
    assert!(history.contains("The operator asked to register the webhook now."), "{history}");
}

#[tokio::test]
async fn a_service_that_registers_no_webhook_says_why_and_does_not_register() {
    let app = with_console().with("webhook.register", "false").start().await;
    let operator = Operator::log_in(&app).await;
    let page = operator.get("/console/webhook").await.body;
    assert!(page.contains("Registration is turned off") && !page.contains("Register now"), "{page}");
    assert_eq!(operator.post("/console/webhook/register", &[]).await.status, 409);
}
