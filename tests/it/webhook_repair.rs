//! Changes of the webhook by other programs are detected, explained once in a clear sentence, and repaired if that is
//! right.

use std::time::Duration;

use doorbell::clock::{SystemClock, elapsed};
use doorbell::registrar::Status;
use doorbell::sandbox::{DeliveryOutcome, Fault, FaultKind, Sandbox, TOKEN};

use crate::harness::{
    Log, SECRET, SteppedClock, TestApp, TestAppBuilder, count_calls, fetch, free_port, post, start_sandbox,
};

/// A service and its Telegram on one clock, registered.
async fn service(clock: &SteppedClock) -> TestApp {
    let sandbox = start_sandbox(&clock.manual).await;
    let app = TestAppBuilder::default().with_sandbox(&sandbox).with_clock(clock).start().await;
    app.registered().await;
    clock.advance(2, 1).await;
    app
}

/// The largest number of `setWebhook` calls in any ten minutes.
fn most_in_ten_minutes(sandbox: &Sandbox) -> usize {
    let calls: Vec<_> = sandbox.calls().into_iter().filter(|call| call.method == "setWebhook").collect();
    let within = |from: usize| {
        calls[from..].iter().filter(|call| elapsed(calls[from].at, call.at) < Duration::from_mins(10)).count()
    };
    (0..calls.len()).map(within).max().unwrap_or(0)
}

#[tokio::test]
async fn a_webhook_that_was_removed_is_back_within_the_watch_interval() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    app.sandbox.start_polling_copy();
    app.sandbox.send_text(7, "Ann", "/start");
    clock.advance(61, 1).await;
    assert!(app.sandbox.webhook().is_some() && app.registration.borrow().is_active());
    assert_eq!(log.lines("some program called deleteWebhook").len(), 1);
    let health = fetch(app.addr, "/healthz").await.json();
    assert_eq!(health["webhook"]["healed"], 1);
    app.sandbox.idle().await;
    app.drain().await;
    assert_eq!(app.replies(7).len(), 1, "no update is lost");
}

#[tokio::test]
async fn a_polling_copy_that_restarts_every_ten_seconds_causes_one_clear_sentence_and_no_storm() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    for restart in 0..60 {
        app.sandbox.start_polling_copy();
        app.sandbox.send_text(100 + restart, "Ann", "/start");
        clock.advance(10, 1).await;
    }
    assert_eq!(log.lines("a polling copy of this bot is running elsewhere").len(), 1);
    assert!(log.lines(" WARN ").len() <= 2, "{:#?}", log.lines(" WARN "));
    let health = fetch(app.addr, "/healthz").await;
    assert!(health.body.contains("a polling copy of this bot is running elsewhere"), "{}", health.body);

    // The copy is stopped: the webhook is set again within the longest wait.
    clock.advance(360, 1).await;
    assert!(app.sandbox.webhook().is_some() && app.registration.borrow().is_active());
    assert!(most_in_ten_minutes(&app.sandbox) <= 12, "{}", most_in_ten_minutes(&app.sandbox));
    app.sandbox.idle().await;
    app.drain().await;
    for restart in 0..60 {
        assert_eq!(app.replies(100 + restart).len(), 1, "no update is lost");
    }

    // After a calm period, the next removal is repaired immediately.
    clock.advance(700, 1).await;
    assert_eq!(log.lines("has not been changed for a while").len(), 1);
    app.sandbox.start_polling_copy();
    clock.advance(61, 1).await;
    assert!(app.sandbox.webhook().is_some());
}

#[tokio::test]
async fn a_second_service_is_named_and_its_webhook_is_left_alone() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    app.sandbox.take_over_webhook("https://192.0.2.1/secret-path").expect("it can be set");
    clock.advance(600, 1).await;
    assert_eq!(*app.registration.borrow(), Status::Superseded { host: "192.0.2.1".to_owned() });
    assert_eq!(log.lines("Another service, at 192.0.2.1, has taken this bot's webhook").len(), 1);
    assert!(log.lines("secret-path").is_empty());
    assert_eq!(count_calls(&app.sandbox, "setWebhook"), 2, "ours at the start, and the other's");
}

#[tokio::test]
async fn a_second_service_that_registers_before_ours_is_read_back_wins_too() {
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let slow = FaultKind::Slow(Duration::from_secs(5));
    sandbox.add_fault(Fault { method: Some("setWebhook".into()), times: Some(1), what: slow });
    let app = TestAppBuilder::default().with_sandbox(&sandbox).with_clock(&clock).start().await;
    sandbox.until(|sandbox| sandbox.webhook().is_some()).await;
    sandbox.take_over_webhook("https://192.0.2.1/hook").expect("it can be set");
    clock.manual.advance(Duration::from_secs(5));
    let mut status = app.registration.clone();
    status.wait_for(|status| matches!(status, Status::Superseded { .. })).await.expect("it runs");
}

#[tokio::test]
async fn a_secret_that_another_program_changed_is_noticed_by_the_burst_and_set_again() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    app.sandbox.change_secret("changed-behind-your-back");
    for chat in 1..=4 {
        app.sandbox.send_text(chat, "Ann", "/start");
    }
    let refused = |sandbox: &Sandbox| {
        sandbox.deliveries().iter().filter(|attempt| attempt.outcome == DeliveryOutcome::Status(401)).count()
    };
    app.sandbox.until(|sandbox| refused(sandbox) >= 4).await;
    clock.advance(15, 1).await;
    let secret = app.sandbox.webhook().and_then(|webhook| webhook.secret);
    assert_eq!(secret.as_deref(), Some(SECRET), "long before the minute is over");
    assert_eq!(log.lines("a secret token that this service does not know").len(), 1);
    clock.advance(60, 1).await;
    app.sandbox.idle().await;
    app.drain().await;
    for chat in 1..=4 {
        assert_eq!(app.replies(chat).len(), 1, "no update is lost");
    }
}

#[tokio::test]
async fn requests_with_wrong_secrets_cause_a_few_looks_and_nothing_else() {
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    let looks = count_calls(&app.sandbox, "getWebhookInfo");
    for _ in 0..60 {
        for _ in 0..5 {
            assert_eq!(post(app.addr, Some("wrong"), b"{}").await.status, 401);
        }
        clock.advance(1, 1).await;
    }
    let looks = count_calls(&app.sandbox, "getWebhookInfo") - looks;
    assert!((1..=7).contains(&looks), "{looks} looks in a minute");
    assert_eq!(count_calls(&app.sandbox, "setWebhook"), 1);
}

/// Another program registers the same address with other limits.
async fn set_other_limits(app: &TestApp) {
    let webhook = app.sandbox.webhook().expect("it is set");
    let (url, secret) = (webhook.url, webhook.secret.unwrap_or_default());
    let params = format!("url={url}&secret_token={secret}&max_connections=7&allowed_updates=%5B%22message%22%5D");
    assert_eq!(fetch(app.sandbox.addr(), &format!("/bot{TOKEN}/setWebhook?{params}")).await.status, 200);
}

#[tokio::test]
async fn changed_limits_and_kinds_of_updates_are_set_again() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let app = service(&clock).await;
    set_other_limits(&app).await;
    clock.advance(61, 1).await;
    let webhook = app.sandbox.webhook().expect("it is set");
    assert_eq!((webhook.max_connections, webhook.allowed_updates.len()), (40, 0));
    assert_eq!(log.lines("This bot's webhook was changed").len(), 1);
}

#[tokio::test]
async fn a_delivery_error_and_its_end_are_each_explained_once() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    // The proxy in front of the service points to a port at which nothing listens.
    sandbox.route("bot.example.org", ([127, 0, 0, 1], free_port()).into());
    let wanted = TestAppBuilder::default().with("webhook.public_url", "http://bot.example.org");
    let app = wanted.with_sandbox(&sandbox).with_clock(&clock).start().await;
    app.registered().await;
    sandbox.send_text(7, "Ann", "/start");
    let failed =
        |sandbox: &Sandbox| sandbox.deliveries().iter().any(|attempt| attempt.outcome != DeliveryOutcome::Sent);
    sandbox.until(failed).await;
    clock.advance(400, 1).await;
    let lines = log.lines("Telegram could not deliver an update: Connection refused");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("This means: nothing listens") && lines[0].contains("1 update waits"), "{lines:?}");
    let health = fetch(app.addr, "/healthz").await.json();
    assert!(health["webhook"]["trouble"].as_str().is_some_and(|trouble| trouble.contains("nothing listens")));

    sandbox.route("bot.example.org", app.addr);
    set_other_limits(&app).await;
    sandbox.idle().await;
    clock.advance(121, 1).await;
    assert_eq!(log.lines("Telegram delivers this bot's updates again").len(), 1);
    app.drain().await;
}

#[tokio::test]
async fn a_secret_is_changed_without_losing_an_update() {
    let sandbox = start_sandbox(&SystemClock).await;
    let on = |secret: &str, previous: &str| {
        TestAppBuilder::default()
            .with_sandbox(&sandbox)
            .with("webhook.public_url", "http://bot.example.org")
            .with("webhook.secret_token", secret)
            .with("webhook.previous_secret_token", previous)
            .with("webhook.watch_interval", "1s")
    };
    let mut old = on("first", "").start().await;
    sandbox.route("bot.example.org", old.addr);
    old.registered().await;
    for chat in 1..=20 {
        sandbox.send_text(chat, "Ann", "/start");
    }
    // As during a deploy, the new instance registers its secret while all traffic still goes to the old one.
    let new = on("second", "first").start().await;
    for chat in 21..=40 {
        sandbox.send_text(chat, "Ann", "/start");
    }
    new.registered().await;
    sandbox.route("bot.example.org", new.addr);
    for chat in 41..=60 {
        sandbox.send_text(chat, "Ann", "/start");
    }
    sandbox.idle().await;
    old.drain().await;
    old.stop().await.expect("it stops without an error");
    new.drain().await;
    // A changed webhook cuts the deliveries in flight, and Telegram sends those updates again. The old instance may have
    // stored such an update, and the new one has an inbox of its own, so only such an update may be answered twice.
    let deliveries = sandbox.deliveries();
    for chat in 1..=60 {
        let of_chat = deliveries.iter().filter(|attempt| attempt.chat == Some(chat));
        let cut = of_chat.filter(|attempt| attempt.outcome == DeliveryOutcome::Cut).count();
        assert!((1..=1 + cut).contains(&new.replies(chat).len()), "chat {chat}, cut {cut} times");
    }
}
