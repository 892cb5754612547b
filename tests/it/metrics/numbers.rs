//! The metrics report what happened.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SharedClock, SystemClock};
use doorbell::handler::HandlerError;
use doorbell::http::listener::Limits;
use doorbell::inbox::{self, Claimable, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::sandbox::{Fault, FaultKind};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use doorbell::telemetry::Registry;
use doorbell::update::Update;
use jiff::Timestamp;
use prometheus_client::encoding::prometheus_text;
use tokio::sync::Semaphore;

use super::{Page, shown};
use crate::harness::{
    RawConnection, SECRET, SteppedClock, TestAppBuilder, fetch, handler_fn, message, post, start_sandbox, text, waiting,
};

#[tokio::test]
async fn the_metrics_report_what_happened() {
    // The inbox stores arrival times in milliseconds.
    let clock = ManualClock::new(Timestamp::from_second(SystemClock.now().as_second()).unwrap());
    let handler = handler_fn(|update| async move {
        match text(&update).as_str() {
            "poison" => Err(HandlerError::Reject("poison".to_owned())),
            text => Ok(vec![Call::send_message(update.chat_key.chat_id().unwrap(), text)]),
        }
    });
    let mut app = shown().with("inbox.capacity", 4).with_handler(handler).with_clock(&clock).start().await;
    app.registered().await;
    let slow_down = FaultKind::Status { code: 429, description: "Too Many Requests".to_owned(), retry_after: Some(30) };
    app.sandbox.add_fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what: slow_down });
    assert_eq!(app.deliver(&message(1, 7, "one")).await.status, 200);
    app.drain().await;
    for (update, status) in [
        (message(1, 7, "one"), 200),
        (message(2, 7, "two"), 200),
        (message(3, 8, "poison"), 200),
        (serde_json::json!({}), 400),
    ] {
        assert_eq!(app.deliver(&update).await.status, status, "{update}");
    }
    assert_eq!(post(app.addr, Some("wrong"), b"{}").await.status, 401);
    assert_eq!(post(app.addr, None, b"{}").await.status, 401);
    app.drain().await;
    clock.advance(Duration::from_secs(2));
    let page = Page::of(&app).await;
    page.shows(&[
        ("doorbell_updates_total{outcome=\"stored\"}", 3.0),
        ("doorbell_updates_total{outcome=\"known\"}", 1.0),
        ("doorbell_webhook_duration_seconds_count{outcome=\"stored\"}", 3.0),
        ("doorbell_webhook_duration_seconds_count{outcome=\"refused\"}", 3.0),
        ("doorbell_webhook_refused_total{reason=\"secret\"}", 2.0),
        ("doorbell_webhook_refused_total{reason=\"not_an_update\"}", 1.0),
        ("doorbell_webhook_refused_total{reason=\"full\"}", 0.0),
        ("doorbell_inbox_usable", 1.0),
        ("doorbell_inbox_updates{state=\"waiting\"}", 2.0),
        ("doorbell_inbox_updates{state=\"dead\"}", 1.0),
        ("doorbell_inbox_capacity", 4.0),
        ("doorbell_inbox_oldest_age_seconds", 2.0),
        ("doorbell_attempts_total{outcome=\"calls_left\"}", 1.0),
        ("doorbell_attempts_total{outcome=\"dead\"}", 1.0),
        ("doorbell_attempts_total{outcome=\"done\"}", 0.0),
        ("doorbell_handler_duration_seconds_count", 2.0),
        ("doorbell_telegram_calls_total{group=\"send\",outcome=\"throttled\"}", 1.0),
        ("doorbell_telegram_throttled_seconds_total", 30.0),
        ("doorbell_registration_standing{standing=\"active\"}", 1.0),
        ("doorbell_registration_standing{standing=\"superseded\"}", 0.0),
        ("doorbell_registration_heals_total", 0.0),
        ("doorbell_telegram_pending_updates", 0.0),
        ("doorbell_connections_limit", 768.0),
        ("doorbell_uptime_seconds", 2.0),
    ]);
    // Six updates were offered or settled. A known one is part of a commit as well.
    assert!((page.value("doorbell_inbox_commit_updates_sum") - 6.0).abs() < 1e-9, "{}", page.text);
    assert!(page.value("doorbell_connections") >= 1.0, "this one");

    // After the wait the throttled chat continues.
    clock.advance(Duration::from_secs(30));
    app.drain().await;
    let page = Page::of(&app).await;
    page.shows(&[
        ("doorbell_attempts_total{outcome=\"done\"}", 2.0),
        ("doorbell_telegram_calls_total{group=\"send\",outcome=\"ok\"}", 2.0),
        ("doorbell_telegram_call_duration_seconds_count{group=\"send\"}", 3.0),
        ("doorbell_inbox_updates{state=\"waiting\"}", 0.0),
        ("doorbell_inbox_oldest_age_seconds", 0.0),
    ]);
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn healthz_and_metrics_report_the_same_numbers() {
    let mut app = shown().with("inbox.capacity", 1).with_handler(handler_fn(|_| std::future::pending())).start().await;
    app.allow_unfinished_work = true;
    for (id, status) in [(1, 200), (1, 200), (2, 503), (3, 503)] {
        assert_eq!(app.deliver(&message(id, id, "a")).await.status, status);
    }
    for (secret, body) in [(None, "{}"), (Some("wrong"), "{}"), (Some("wrong"), "{}"), (Some(SECRET), "no")] {
        post(app.addr, secret, body.as_bytes()).await;
    }
    let page = Page::of(&app).await;
    let health = fetch(app.addr, "/healthz").await.json();
    for (key, series, value) in [
        ("stored", "doorbell_updates_total{outcome=\"stored\"}", 1.0),
        ("known", "doorbell_updates_total{outcome=\"known\"}", 1.0),
        ("unauthorized", "doorbell_webhook_refused_total{reason=\"secret\"}", 3.0),
        ("malformed", "doorbell_webhook_refused_total{reason=\"not_an_update\"}", 1.0),
        ("unavailable", "doorbell_webhook_refused_total{reason=\"full\"}", 2.0),
        ("foreign", "doorbell_webhook_foreign_total", 0.0),
    ] {
        page.shows(&[(series, value)]);
        assert_eq!(health["updates"][key].as_f64(), Some(value), "{key}");
    }
}

#[tokio::test]
async fn a_repair_and_the_deliveries_that_telegram_reports_are_counted() {
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let app = shown().with_sandbox(&sandbox).with_clock(&clock).start().await;
    app.registered().await;
    clock.advance(2, 1).await;
    app.sandbox.start_polling_copy();
    clock.advance(61, 1).await;
    // The repair takes some calls, for which the clock does not wait.
    let page = waiting::until("the repair", async || {
        clock.advance(1, 1).await;
        let page = Page::of(&app).await;
        (page.value("doorbell_registration_heals_total") > 0.0).then_some(page)
    })
    .await;
    page.shows(&[
        ("doorbell_registration_heals_total", 1.0),
        ("doorbell_registration_standing{standing=\"active\"}", 1.0),
        ("doorbell_telegram_calls_total{group=\"webhook\",outcome=\"refused\"}", 0.0),
    ]);
    assert!(page.value("doorbell_telegram_calls_total{group=\"webhook\",outcome=\"ok\"}") >= 4.0);
}

#[tokio::test]
async fn connections_are_counted_until_they_are_closed() {
    let app = shown().start().await;
    for _ in 0..5 {
        fetch(app.addr, "/healthz").await;
    }
    let page = waiting::until("five have gone", async || {
        let page = Page::of(&app).await;
        (page.value("doorbell_connections_closed_total{reason=\"ended\"}") >= 5.0).then_some(page)
    })
    .await;
    let opened = page.value("doorbell_connections_opened_total");
    let closed: f64 =
        page.values.iter().filter(|(series, _)| series.contains("_closed_total")).map(|(_, value)| value).sum();
    assert!((page.value("doorbell_connections") - (opened - closed)).abs() < 1e-9 && opened >= 6.0, "{}", page.text);
}

#[tokio::test]
async fn a_connection_that_is_closed_for_a_deadline_is_counted_by_that_deadline() {
    let limits = Limits { head: Duration::ZERO, tick: Duration::from_millis(10), connections: 1, ..Limits::default() };
    let app = TestAppBuilder { limits, ..shown() }.start().await;
    let mut silent = RawConnection::connect(app.addr).await;
    assert_eq!(silent.closed().await, "");
    let mut partial = RawConnection::connect(app.addr).await;
    partial.send("GET / HT").await;
    assert_eq!(partial.closed().await, "");
    let page = Page::of(&app).await;
    let closed_by_us: f64 = ["head", "room"].map(|reason| page.value(&closed(reason))).iter().sum();
    assert!(page.value(&closed("head")) >= 1.0 && (closed_by_us - 2.0).abs() < 1e-9, "{}", page.text);
}

fn closed(reason: &str) -> String {
    format!("doorbell_connections_closed_total{{reason=\"{reason}\"}}")
}

#[tokio::test]
async fn an_attempt_without_an_outcome_is_a_lapsed_lease_and_each_commit_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("inbox.db").display());
    let settings = Settings::load(&Sources::default().with("inbox.url", url), Need::Nothing).unwrap().inbox;
    let (clock, counts) = (ManualClock::new(SystemClock.now()), Arc::<inbox::Counts>::default());
    let shared: SharedClock = Arc::new(clock.clone());
    let inbox =
        inbox::open(&settings, doorbell::telegram::BotId(1), shared, &Shutdown::new(), Arc::clone(&counts)).unwrap();
    let body = message(1, 7, "a").to_string().into();
    inbox.accept(Update::parse(body, clock.now()).unwrap()).await.unwrap();
    let late = inbox.claim(1, Claimable::Any).await.unwrap().remove(0).lease;
    clock.advance(inbox::LEASE);
    inbox.sweep().await.unwrap();
    assert_eq!(counts.leases_lapsed.get(), 1);
    assert!(inbox.settle(late, Verdict::Done).await.is_err(), "it lapsed");
    let second = inbox.claim(1, Claimable::Any).await.unwrap().remove(0).lease;
    inbox.settle(second, Verdict::Done).await.unwrap();
    let (mut registry, mut page) = (Registry::default(), String::new());
    counts.register(&mut registry);
    prometheus_text::encode(&mut page, &registry).unwrap();
    for line in [
        "doorbell_inbox_commit_updates_count 2",
        "doorbell_inbox_commit_updates_sum 2.0",
        "doorbell_inbox_commit_duration_seconds_count 2",
        "doorbell_inbox_sync_duration_seconds_count 2",
        "doorbell_inbox_commit_failures_total 0",
    ] {
        assert!(page.lines().any(|seen| seen == line), "{line} is not in {page}");
    }
}

#[tokio::test]
async fn an_outcome_that_is_refused_because_the_lease_has_lapsed_is_counted() {
    let (clock, go_on) = (ManualClock::new(SystemClock.now()), Arc::new(Semaphore::new(0)));
    let waits = Arc::clone(&go_on);
    let handler = handler_fn(move |_| {
        let waits = Arc::clone(&waits);
        async move {
            waits.acquire_owned().await.expect("it is never closed").forget();
            Ok(Vec::new())
        }
    });
    let app = shown().with("dispatch.handler_timeout", "10m").with_handler(handler).with_clock(&clock).start().await;
    app.registered().await;
    app.deliver(&message(1, 7, "a")).await;
    waiting::until("it is held", async || (app.survey().await.held == 1).then_some(())).await;
    // No task extends the lease between these two, because there is one thread.
    clock.advance(inbox::LEASE);
    app.inbox.sweep().await.unwrap();
    go_on.add_permits(2);
    app.drain().await;
    let attempts = "doorbell_attempts_total{outcome=\"done\"}";
    let page = waiting::until("both attempts have ended", async || {
        let page = Page::of(&app).await;
        (page.value(attempts) > 1.5 && page.value("doorbell_leases_lost_total") > 0.5).then_some(page)
    })
    .await;
    page.shows(&[(attempts, 2.0), ("doorbell_leases_lapsed_total", 1.0), ("doorbell_leases_lost_total", 1.0)]);
}
