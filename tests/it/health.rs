//! `/healthz`, `/readyz` and the responses of the webhook report the same facts, and each fact once.

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
use crate::harness::{TestApp, TestAppBuilder, fetch, handler_fn, message};

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
            assert!(keys.insert(key.clone()), "{key} occurs twice");
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

/// The body of `/healthz`, in which no key occurs twice.
async fn health(app: &TestApp) -> Value {
    let answer = fetch(app.addr, "/healthz").await;
    serde_json::from_str::<EachKeyOnce>(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
    answer.json()
}

/// Why the service is not ready.
async fn reasons(app: &TestApp) -> String {
    let answer = fetch(app.addr, "/readyz").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    answer.json()["reasons"].to_string()
}

#[tokio::test]
async fn health_is_never_cached_and_the_page_loads_nothing() {
    let app = TestApp::spawn().await;
    for path in ["/", "/healthz", "/readyz"] {
        let answer = fetch(app.addr, path).await;
        let headers = ["cache-control", "x-content-type-options"].map(|name| answer.header(name));
        assert_eq!(headers, [Some("no-store"), Some("nosniff")], "{path}: {answer:?}");
        let policy = answer.header("content-security-policy").map(|policy| policy.starts_with("default-src 'none'"));
        assert_eq!(policy, (path == "/").then_some(true), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn healthz_has_each_key_once_in_every_status_of_the_registration() {
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
async fn readyz_says_how_much_a_full_inbox_holds_even_if_all_of_it_is_being_handled() {
    let gate = Arc::new(Semaphore::new(0));
    let hold = Arc::clone(&gate);
    let handler = handler_fn(move |_| {
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
async fn without_a_store_the_webhook_and_readyz_say_that_handling_takes_too_long() {
    let clock = ManualClock::new(SystemClock.now());
    let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (hold, started) = (Arc::clone(&gate), Arc::clone(&begun));
    let handler = handler_fn(move |_| {
        let hold = Arc::clone(&hold);
        started.add_permits(1);
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
fn the_bounds_of_a_duration_are_shown_in_a_form_that_can_be_set() {
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
