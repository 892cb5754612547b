//! Which service owns the webhook: the production service that started last. Services never take it from each other in
//! turn.

use std::path::Path;
use std::time::{Duration, Instant};

use doorbell::clock::SystemClock;
use doorbell::registrar::Status;
use doorbell::sandbox::{Fault, FaultKind, TOKEN};

use crate::harness::{Log, Program, SteppedClock, TestApp, TestAppBuilder, count_calls, fetch, post, start_sandbox};

/// What Render sets for a production service, and for a preview of a change.
const PRODUCTION: &[(&str, &str)] = &[("RENDER", "true"), ("IS_PULL_REQUEST", "false")];
const PREVIEW: &[(&str, &str)] = &[("RENDER", "true"), ("IS_PULL_REQUEST", "true")];

/// The host of a service, as sentences name it.
fn host(app: &TestApp) -> String {
    app.addr.to_string()
}

/// The status of a service, once it is the expected one.
async fn stands(app: &TestApp, expected: fn(&Status) -> bool) -> Status {
    let mut status = app.registration.clone();
    let reached = status.wait_for(expected);
    tokio::time::timeout(Duration::from_secs(20), reached).await.expect("in time").expect("it runs").clone()
}

fn is_refused(status: &Status) -> bool {
    matches!(status, Status::Refused { .. })
}

#[tokio::test]
async fn of_two_production_services_the_newest_keeps_the_webhook_and_the_older_says_whose_it_is() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let older =
        TestAppBuilder::default().on_platform(PRODUCTION).with_sandbox(&sandbox).with_clock(&clock).start().await;
    older.registered().await;
    clock.advance(5, 1).await;
    let mut newer =
        TestAppBuilder::default().on_platform(PRODUCTION).with_sandbox(&sandbox).with_clock(&clock).start().await;
    newer.registered().await;
    assert_eq!(log.lines("The newest start wins").len(), 1);

    clock.advance(600, 2).await;
    assert_eq!(*older.registration.borrow(), Status::Superseded { host: host(&newer) });
    assert!(newer.registration.borrow().is_active());
    assert_eq!(count_calls(&sandbox, "setWebhook"), 2, "the services do not take turns");
    assert_eq!(log.lines(&format!("Another service, at {}, has taken this bot's webhook", host(&newer))).len(), 1);
    let ready = fetch(older.addr, "/readyz").await;
    assert!(ready.status == 503 && ready.body.contains(&host(&newer)), "{ready:?}");

    newer.stop().await.expect("it stops without an error");
    clock.advance(300, 1).await;
    assert_eq!(count_calls(&sandbox, "setWebhook"), 2, "what leads to a service that is gone is still not ours");
    sandbox.start_polling_copy();
    clock.advance(121, 1).await;
    assert!(older.registration.borrow().is_active());
    assert!(sandbox.webhook().expect("it is set").url.contains(&host(&older)));
    assert_eq!(count_calls(&sandbox, "setWebhook"), 3);
}

#[tokio::test]
async fn a_laptop_leaves_productions_webhook_alone_and_says_how_to_take_it_on_purpose() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let production =
        TestAppBuilder::default().on_platform(PRODUCTION).with_sandbox(&sandbox).with_clock(&clock).start().await;
    production.registered().await;
    clock.advance(5, 1).await;

    let laptop = TestAppBuilder::default()
        .with("webhook.takeover", "auto")
        .with_sandbox(&sandbox)
        .with_clock(&clock)
        .start()
        .await;
    let sentence = stands(&laptop, is_refused).await.sentence();
    for words in [&host(&production), "doorbell serve --takeover", "webhook.takeover = \"always\""] {
        assert!(sentence.contains(words), "{sentence}");
    }
    clock.advance(600, 2).await;
    assert_eq!(count_calls(&sandbox, "setWebhook"), 1);
    assert_eq!(log.lines("doorbell serve --takeover").len(), 1, "said once, not once a minute");

    // Production may first set its webhook again if it is gone for a moment.
    sandbox.start_polling_copy();
    clock.advance(120, 2).await;
    assert!(production.registration.borrow().is_active());
    assert!(sandbox.webhook().expect("it is set").url.contains(&host(&production)));

    let on_purpose = TestAppBuilder::default()
        .with("webhook.takeover", "always")
        .with_sandbox(&sandbox)
        .with_clock(&clock)
        .start()
        .await;
    on_purpose.registered().await;
}

#[tokio::test]
async fn a_local_run_registers_itself_where_there_is_no_webhook() {
    let app = TestAppBuilder::default().with("webhook.takeover", "auto").start().await;
    app.registered().await;
    let never = TestAppBuilder::default().with("webhook.takeover", "never").start().await;
    never.registered().await;
}

#[tokio::test]
async fn with_takeover_never_even_production_leaves_another_services_webhook_alone() {
    let sandbox = start_sandbox(&SystemClock).await;
    sandbox.take_over_webhook("https://192.0.2.1/hook").expect("it can be set");
    let app = TestAppBuilder::default()
        .on_platform(PRODUCTION)
        .with("webhook.takeover", "never")
        .with_sandbox(&sandbox)
        .start()
        .await;
    let sentence = stands(&app, is_refused).await.sentence();
    assert!(sentence.contains("192.0.2.1") && sentence.contains("never"), "{sentence}");
    assert_eq!(count_calls(&sandbox, "setWebhook"), 1, "the other service's");
}

#[tokio::test]
async fn a_preview_never_registers_itself() {
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let app = TestAppBuilder::default().on_platform(PREVIEW).with_sandbox(&sandbox).with_clock(&clock).start().await;
    let sentence = stands(&app, is_refused).await.sentence();
    assert!(sentence.contains("preview") && sentence.contains("TAKEOVER=always"), "{sentence}");
    // It no longer waits for anything.
    for _ in 0..600 {
        clock.manual.advance(Duration::from_secs(1));
        tokio::task::yield_now().await;
    }
    assert_eq!(fetch(app.addr, "/healthz").await.status, 200);
    assert_eq!(fetch(app.addr, "/readyz").await.status, 503);
    assert_eq!((count_calls(&sandbox, "setWebhook"), count_calls(&sandbox, "deleteWebhook")), (0, 0));
}

#[tokio::test]
async fn a_preview_without_a_token_serves_its_health_and_says_so() {
    let log = Log::capture();
    let sandbox = start_sandbox(&SystemClock).await;
    let wanted = TestAppBuilder::default().on_platform(PREVIEW).with("telegram.bot_token", "").with_sandbox(&sandbox);
    // The preview cannot reach the database of production either.
    let mut app = wanted.with("inbox.url", "postgres://nobody@127.0.0.1:9/none").start().await;
    let health = fetch(app.addr, "/healthz").await;
    assert_eq!(health.status, 200);
    let webhook = &health.json()["webhook"];
    assert_eq!((&webhook["standing"], &webhook["why"]), (&"off".into(), &"no_token".into()));
    assert!(webhook["says"].as_str().is_some_and(|says| says.contains("preview without a bot token")));
    assert_eq!(post(app.addr, Some("anything"), b"{\"update_id\": 1}").await.status, 404);
    assert_eq!(log.lines("preview without a bot token").len(), 1);
    app.stop().await.expect("it stops without an error");
    assert!(sandbox.calls().is_empty());
}

#[tokio::test]
async fn ten_instances_that_start_together_agree_without_a_storm_or_noise() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    let mut instances = Vec::new();
    for _ in 0..10 {
        // All have one address, and the secret that is derived from the token.
        let wanted = TestAppBuilder::default().on_platform(PRODUCTION).with_sandbox(&sandbox).with_clock(&clock);
        let wanted = wanted.with("webhook.public_url", "http://bot.example.org").with("webhook.secret_token", "");
        sandbox.route("bot.example.org", ([127, 0, 0, 1], 9).into());
        instances.push(wanted.start().await);
    }
    // Telegram allows one `setWebhook` a second and the retries have jitter, so no exact time can be expected.
    let are_active = || instances.iter().all(|instance| instance.registration.borrow().is_active());
    clock.advance_until(300, 10, are_active).await;
    let calls = count_calls(&sandbox, "setWebhook");
    assert!((10..=50).contains(&calls), "{calls} calls");
    let about_the_webhook = |level| log.lines(level).into_iter().filter(|line| line.contains("webhook")).count();
    assert_eq!(about_the_webhook(" WARN ") + about_the_webhook("ERROR"), 0);

    for instance in &mut instances {
        instance.stop().await.expect("it stops without an error");
    }
    assert!(sandbox.webhook().is_some());
    assert_eq!(count_calls(&sandbox, "deleteWebhook"), 0);
}

#[tokio::test]
async fn a_crash_loop_never_removes_the_webhook_and_sets_it_once_a_start() {
    let sandbox = start_sandbox(&SystemClock).await;
    let folder = std::sync::Arc::new(tempfile::tempdir().expect("a temporary folder"));
    for _ in 0..5 {
        let wanted = TestAppBuilder { folder: Some(folder.clone()), ..TestAppBuilder::default() }
            .on_platform(PRODUCTION)
            .with_sandbox(&sandbox);
        let mut app = wanted.with("webhook.public_url", "http://127.0.0.1:9").start().await;
        sandbox.until(|sandbox| count_calls(sandbox, "setWebhook") > 0).await;
        app.shutdown.hard.cancel();
        app.stop().await.expect("it ends");
    }
    let calls = count_calls(&sandbox, "setWebhook");
    assert!((1..=5).contains(&calls), "{calls} calls");
    assert_eq!(count_calls(&sandbox, "deleteWebhook"), 0);
}

#[tokio::test]
async fn while_telegram_is_down_health_is_200_and_its_return_is_noticed_within_seconds() {
    let log = Log::capture();
    let clock = SteppedClock::new();
    let sandbox = start_sandbox(&clock.manual).await;
    sandbox.add_fault(Fault { method: None, times: None, what: FaultKind::Html(502) });
    let app = TestAppBuilder::default().on_platform(PRODUCTION).with_sandbox(&sandbox).with_clock(&clock).start().await;
    assert_eq!(fetch(app.addr, "/healthz").await.status, 200);
    clock.advance(300, 1).await;
    assert_eq!(fetch(app.addr, "/healthz").await.status, 200);
    assert!(!app.registration.borrow().is_active());
    assert_eq!(log.lines("The webhook is not registered now").len(), 1, "said once");
    sandbox.clear_faults();
    clock.advance(10, 1).await;
    app.registered().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_ends_the_program_in_a_moment_with_the_reason() {
    let sandbox = start_sandbox(&SystemClock).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (log, api_url) = (folder.path().join("log"), sandbox.api_url());
    let ended = tokio::task::spawn_blocking(move || {
        let begun = Instant::now();
        let inbox = format!("sqlite:{}", log.with_file_name("inbox.db").display());
        let token = TOKEN.replace("Sandbox", "Another");
        let variables = [("TELEGRAM_BOT_TOKEN", &token[..]), ("TELEGRAM_API_URL", &api_url), ("DATABASE_URL", &inbox)];
        let mut program = Program::start(&variables, &log);
        let status = program.ended(Duration::from_secs(10));
        (status, begun.elapsed(), read(&log))
    });
    let (status, took, log) = ended.await.expect("no panic");
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(took < Duration::from_secs(3), "it took {took:?}");
    assert!(log.contains("Telegram refuses the bot token: 401") && log.contains("@BotFather"), "{log}");
    assert!(!log.contains("Another"), "the token is not shown");
}

fn read(log: &Path) -> String {
    std::fs::read_to_string(log).expect("there is a log")
}
