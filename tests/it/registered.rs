//! The service registers itself: at start it points Telegram at its own public URL.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbell::clock::SystemClock;
use doorbell::registrar::Status;
use doorbell::sandbox::{Fault, FaultKind, Sandbox, TOKEN};

use crate::harness::{Program, SECRET, TestApp, TestAppBuilder, count_calls, fetch, run, start_sandbox, waiting};

#[tokio::test]
async fn at_start_it_points_telegram_at_its_own_public_url() {
    let app = TestApp::spawn().await;
    let webhook = app.sandbox.webhook().expect("a webhook is set");
    assert_eq!(webhook.url, format!("http://{}/telegram/webhook", app.addr));
    let methods: Vec<_> = app.sandbox.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods[..4], ["getMe", "getWebhookInfo", "setWebhook", "getWebhookInfo"]);
    let set = app.sandbox.calls().into_iter().find(|call| call.method == "setWebhook").expect("it was called");
    for parameter in ["url", "secret_token", "allowed_updates", "max_connections"] {
        assert!(set.params.get(parameter).is_some(), "setWebhook says {parameter}");
    }
    assert!(set.params.get("drop_pending_updates").is_none_or(|drop| drop == false));
}

#[tokio::test]
async fn a_public_url_with_a_path_is_registered_with_its_path() {
    let sandbox = start_sandbox(&SystemClock).await;
    let at = |url: &str| TestAppBuilder::default().with_sandbox(&sandbox).with("webhook.public_url", url).start();
    sandbox.route("bots.example.org", ([127, 0, 0, 1], 9).into());
    let app = at("https://bots.example.org/shop/").await;
    app.registered().await;
    assert_eq!(sandbox.webhook().expect("it is set").url, "https://bots.example.org/shop/telegram/webhook");
    assert_eq!(*app.registration.borrow(), Status::Active { host: "bots.example.org".to_owned() });
    // Another service of the same bot starts under another path of the host and takes over the webhook.
    let other = at("https://bots.example.org/other").await;
    other.registered().await;
    assert_eq!(sandbox.webhook().expect("it is set").url, "https://bots.example.org/other/telegram/webhook");
}

#[tokio::test]
async fn stopping_never_removes_the_webhook() {
    let mut app = TestApp::spawn().await;
    app.stop().await.expect("it stops without an error");
    assert!(app.sandbox.webhook().is_some());
    assert!(app.sandbox.calls().iter().all(|call| call.method != "deleteWebhook"));
}

#[tokio::test]
async fn a_refused_token_ends_the_service() {
    let token = "123456789:AAtestThisIsAnotherBotsTokenOfTests01";
    let mut app = TestAppBuilder::default().with("telegram.bot_token", token).start().await;
    let refused = app.stop_by_itself().await.expect_err("it is refused");
    assert!(refused.to_string().contains("401"), "{refused}");
}

/// Starts the program at this Telegram with additional variables. The inbox and the log are in `folder`.
fn program(sandbox: &Sandbox, folder: &std::path::Path, more: &[(&str, &str)]) -> (Program, PathBuf) {
    let (api, log) = (sandbox.api_url(), folder.join("log"));
    let inbox = format!("sqlite:{}", folder.join("inbox.db").display());
    let mut variables = vec![
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", &api[..]),
        ("WEBHOOK_SECRET", SECRET),
        ("DATABASE_URL", &inbox[..]),
    ];
    variables.extend_from_slice(more);
    (Program::serve(&variables, &log), log)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_enters_the_dns_after_the_start_is_registered_within_15_seconds() {
    let sandbox = start_sandbox(&SystemClock).await;
    // First the certificate is missing, then the name: the sandbox asks a name server, which knows no `.invalid`.
    let description = "Bad Request: bad webhook: SSL error {error:0A000086:SSL routines::certificate verify failed}";
    let what = FaultKind::Status { code: 400, description: description.to_owned(), retry_after: None };
    sandbox.add_fault(Fault { method: Some("setWebhook".into()), times: Some(1), what });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (program, log) = program(&sandbox, folder.path(), &[("PUBLIC_URL", "http://doorbell.invalid")]);
    let refused = |sandbox: &Sandbox| {
        sandbox.calls().iter().filter(|call| call.method == "setWebhook" && call.code == Some(400)).count()
    };
    sandbox.until(|sandbox| refused(sandbox) == 2).await;
    assert!(sandbox.webhook().is_none());
    sandbox.route("doorbell.invalid", program.addr);
    let (resolvable, registered) = (Instant::now(), sandbox.until(|sandbox| sandbox.webhook().is_some()));
    tokio::time::timeout(Duration::from_mins(1), registered).await.expect("it is registered at last");
    assert!(resolvable.elapsed() <= Duration::from_secs(15), "it took {:?}", resolvable.elapsed());
    let log = std::fs::read_to_string(log).expect("there is a log");
    for words in ["certificate verify failed", "Failed to resolve host", "every few seconds"] {
        assert!(log.contains(words), "{words}: {log}");
    }
    assert!(!log.contains("ERROR"), "no operator is needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_set_never_makes_a_running_service_report_that_it_is_not_registered() {
    let sandbox = start_sandbox(&SystemClock).await;
    let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
    let often = ("DOORBELL__WEBHOOK__WATCH_INTERVAL", "1s");
    let (program, log) = program(&sandbox, folder.path(), &[often]);
    let url = format!("http://{}", program.addr);
    for round in 0..6 {
        let before = count_calls(&sandbox, "setWebhook");
        let variables = [
            ("TELEGRAM_BOT_TOKEN", TOKEN.to_owned()),
            ("TELEGRAM_API_URL", sandbox.api_url()),
            ("WEBHOOK_SECRET", SECRET.to_owned()),
            ("PUBLIC_URL", url.clone()),
            // Every other round sets other limits, and the service then sets its own again.
            ("DOORBELL__WEBHOOK__MAX_CONNECTIONS", (40 - round % 2 * 33).to_string()),
        ];
        let folder = Arc::clone(&folder);
        let set = tokio::task::spawn_blocking(move || {
            let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &value[..])).collect();
            run(&["webhook", "set"], &variables, folder.path())
        });
        let set = set.await.expect("no panic");
        assert_eq!(set.code, 0, "{}{}", set.stdout, set.stderr);
        sandbox.until(|sandbox| count_calls(sandbox, "setWebhook") > before).await;
        if round == 0 {
            // Both registered at the start of the service, which is ready a moment later.
            let ready = async || (fetch(program.addr, "/readyz").await.status == 200).then_some(());
            waiting::until("the service is ready", ready).await;
        }
        assert_eq!(fetch(program.addr, "/readyz").await.status, 200, "round {round}");
    }
    sandbox.until(|sandbox| sandbox.webhook().is_some_and(|webhook| webhook.max_connections == 40)).await;
    let log = std::fs::read_to_string(log).expect("there is a log");
    assert!(log.contains("This bot's webhook was changed") && !log.contains("not registered"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_leaves_registration_to_others_is_ready() {
    let app = TestAppBuilder::default().with("webhook.register", false).start().await;
    let ready = fetch(app.addr, "/readyz").await;
    assert_eq!((ready.status, &ready.json()["ready"]), (200, &true.into()), "{ready:?}");
    assert_eq!(fetch(app.addr, "/healthz").await.json()["webhook"]["standing"], "off");
    assert_eq!(count_calls(&app.sandbox, "setWebhook"), 0);
    // The doctor agrees.
    let url = format!("http://{}", app.addr);
    let variables = [
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", &app.sandbox.api_url()),
        ("WEBHOOK_SECRET", SECRET),
        ("PUBLIC_URL", &url),
        ("DOORBELL__WEBHOOK__REGISTER", "false"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let folder = Arc::clone(&app.folder);
    let doctor = tokio::task::spawn_blocking(move || {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &value[..])).collect();
        run(&["doctor", "--json"], &variables, folder.path())
    });
    let findings: serde_json::Value = serde_json::from_str(&doctor.await.expect("no panic").stdout).expect("JSON");
    let findings = findings["findings"].as_array().expect("a list");
    let service = findings.iter().find(|finding| finding["check"] == "service").expect("it was reached");
    assert_eq!(service["verdict"], "ok", "{service}");
    // The operator did not turn registration off: the public URL is missing.
    let app = TestAppBuilder::default().with("webhook.public_url", "").start().await;
    assert_eq!(fetch(app.addr, "/readyz").await.status, 503);
}
