//! Pause and resume.

use std::sync::Arc;

use super::{Operator, Rejects, with_console};
use crate::harness::postgres::Database;
use crate::harness::waiting::until;
use crate::harness::{Log, TestApp, fetch, message};

async fn is_paused(app: &TestApp) -> bool {
    fetch(app.addr, "/healthz").await.json()["handling"]["paused"].as_bool().unwrap()
}

async fn until_paused(app: &TestApp, paused: bool) {
    until("the instance notices", async || (is_paused(app).await == paused).then_some(())).await;
}

#[tokio::test]
async fn a_pause_holds_the_updates_of_all_instances_until_it_ends() {
    let Some(database) = Database::fresh().await else { return };
    let start = async || {
        let mut app = with_console().with("inbox.url", &database.url).with_handler(Rejects::default()).start().await;
        app.allow_unfinished_work = true;
        until("the store is there", async || app.inbox.survey().await.ok()).await;
        app
    };
    let (one, other) = (start().await, start().await);
    let operator = Operator::log_in(&one).await;
    assert!(operator.get("/console/pause").await.body.contains("It concerns all instances"));
    let done = operator.post("/console/pause", &[]).await;
    assert_eq!(done.header("location"), Some("/console?done=paused"));
    assert!(is_paused(&one).await);
    until_paused(&other, true).await;
    assert_eq!(other.deliver(&message(1, 7, "fine")).await.status, 200);
    assert_eq!(one.deliver(&message(2, 8, "fine")).await.status, 200);
    let elsewhere = Operator::log_in(&other).await;
    assert!(elsewhere.get("/console/updates").await.body.contains("The operator has paused the handling"));
    assert_eq!(one.survey().await.waiting, 2, "nothing is claimed");
    assert_eq!(elsewhere.post("/console/resume", &[]).await.header("location"), Some("/console?done=resumed"));
    until("both are handled", async || (one.survey().await.waiting == 0).then_some(())).await;
    until_paused(&one, false).await;
}

#[tokio::test]
async fn a_pause_survives_a_restart_and_the_log_says_it() {
    let (log, folder) = (Log::capture(), Arc::new(tempfile::tempdir().unwrap()));
    let builder = || {
        let mut builder = with_console().with_handler(Rejects::default());
        builder.folder = Some(Arc::clone(&folder));
        builder
    };
    let mut app = builder().start().await;
    assert_eq!(Operator::log_in(&app).await.post("/console/pause", &[]).await.status, 303);
    app.stop().await.unwrap();
    // It holds the inbox.
    drop(app);
    let mut again = builder().start().await;
    again.allow_unfinished_work = true;
    assert_eq!(again.deliver(&message(1, 7, "fine")).await.status, 200);
    until_paused(&again, true).await;
    assert_eq!(again.survey().await.waiting, 1);
    assert_eq!(log.lines("The operator has paused the handling of updates since").len(), 2);
    let operator = Operator::log_in(&again).await;
    assert!(operator.get("/console").await.body.contains("Resume handling"));
    assert_eq!(operator.post("/console/resume", &[]).await.status, 303);
    until("it is handled", async || (again.survey().await.waiting == 0).then_some(())).await;
    assert_eq!(log.lines("The operator has resumed the handling").len(), 1);
}

#[tokio::test]
async fn with_the_memory_store_the_pause_says_that_nothing_is_acknowledged() {
    let app = with_console().with("inbox.url", "memory:").start().await;
    let operator = Operator::log_in(&app).await;
    assert!(operator.get("/console/pause").await.body.contains("nothing is acknowledged while handling is paused"));
    assert_eq!(operator.post("/console/pause", &[]).await.status, 303);
    let ready = fetch(app.addr, "/readyz").await;
    assert!(ready.status == 503 && ready.body.contains("With memory: nothing is acknowledged"), "{ready:?}");
}
