//! What the service says of itself at `/healthz`, `/readyz` and in the answers of the webhook: each
//! thing once, the same everywhere, and true.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::sandbox::{Fault, FaultKind};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::harness::waiting::until;
use crate::harness::{TestApp, TestAppBuilder, does, fetch, message};

/// JSON in which no object has a key twice.
struct EachKeyOnce;

impl<'de> Deserialize<'de> for EachKeyOnce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EachKeyOnce)
    }
}

impl<'de> Visitor<'de> for EachKeyOnce {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, _)) = map.next_entry::<String, Self>()? {
            assert!(keys.insert(key.clone()), "{key} stands there twice");
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

/// What `/healthz` says, read strictly.
async fn health(app: &TestApp) -> Value {
    let said = fetch(app.addr, "/healthz").await;
    serde_json::from_str::<EachKeyOnce>(&said.body).unwrap_or_else(|error| panic!("{error}: {}", said.body));
    said.json()
}

/// Why the service is not ready.
async fn reasons(app: &TestApp) -> String {
    let said = fetch(app.addr, "/readyz").await;
    assert_eq!(said.status, 503, "{}", said.body);
    said.json()["reasons"].to_string()
}

#[tokio::test]
async fn the_health_has_each_key_once_however_the_registration_stands() {
    let app = TestApp::spawn().await;
    assert_eq!(health(&app).await["webhook"]["standing"], "active");

    let wanted = TestAppBuilder::default().with("webhook.register", false);
    assert_eq!(health(&wanted.start().await).await["webhook"]["standing"], "off");

    for (code, status) in [(500, "registering"), (400, "refused")] {
        let sandbox = crate::harness::start_sandbox(&SystemClock).await;
        let what = FaultKind::Status { code, description: "no".to_owned(), retry_after: None };
        sandbox.add_fault(Fault { method: Some("setWebhook".to_owned()), times: None, what });
        let app = TestAppBuilder::default().with_sandbox(&sandbox).start().await;
        let mut statuses = app.registration.clone();
        statuses.wait_for(|seen| seen.sentence().contains("not registered")).await.unwrap();
        let webhook = &health(&app).await["webhook"];
        assert_eq!((&webhook["standing"], &webhook["trouble"]), (&status.into(), &Value::Null));
        assert!(webhook["reason"].is_string(), "{webhook}");
    }
}

#[tokio::test]
async fn a_full_inbox_says_how_much_it_holds_also_where_all_of_it_is_being_handled() {
    let gate = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&gate);
    let handler = does(move |_| {
        let hold = Arc::clone(&hold);
        async move {
            let _ = hold.acquire().await;
            Ok(Vec::<Call>::new())
        }
    });
    let app = TestAppBuilder::default().with("inbox.capacity", 1).with_handler(handler).start().await;
    app.registered().await;
    assert_eq!(app.deliver(&message(1, 1, "a")).await.status, 200);
    until("it is being handled", async || (app.survey().await.held == 1).then_some(())).await;
    assert!(reasons(&app).await.contains("the inbox is full: it holds 1 update, and inbox.capacity is 1"));
    gate.add_permits(1);
    until("it is done", async || (app.survey().await.held == 0).then_some(())).await;
}

#[tokio::test]
async fn where_nothing_is_stored_the_webhook_and_the_readiness_say_that_handling_takes_too_long() {
    let clock = ManualClock::new(SystemClock.now());
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (hold, tell) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = does(move |_| {
        let hold = Arc::clone(&hold);
        tell.add_permits(1);
        async move {
            let _ = hold.acquire().await;
            Ok(Vec::<Call>::new())
        }
    });
    let app =
        TestAppBuilder::default().with("inbox.url", "memory:").with_handler(handler).with_clock(&clock).start().await;
    app.registered().await;
    assert_eq!(fetch(app.addr, "/readyz").await.status, 200);
    let update = message(1, 1, "a");
    let late = async {
        begun.acquire().await.unwrap().forget();
        clock.advance(Duration::from_secs(25));
    };
    let (answer, ()) = tokio::join!(app.deliver(&update), late);
    assert_eq!((answer.status, &answer.json()["title"]), (503, &"The update was not handled in time".into()));
    assert!(!answer.body.contains("stored"), "{}", answer.body);
    assert!(reasons(&app).await.contains("the last update was not handled in time"));

    gate.add_permits(1);
    assert_eq!(app.deliver(&update).await.status, 200, "Telegram offers it again");
    assert_eq!(fetch(app.addr, "/readyz").await.status, 200);
}

#[test]
fn the_bounds_of_a_duration_are_written_as_they_can_be_set() {
    let load = |value: &str| {
        let sources = Sources::default().with("inbox.keep_done", value);
        Settings::load(&sources, Need::Nothing).map_err(|error| error.problems[0].wanted.clone())
    };
    let wanted = load("1h").unwrap_err();
    let (shortest, longest) = wanted.split_once("from ").unwrap().1.split_once(" to ").unwrap();
    assert_eq!((shortest, longest), ("2 days", "365 days"));
    for bound in [shortest, longest] {
        assert!(load(bound).is_ok(), "{bound}");
    }
}
