//! The health routes and the doctor say whether your own bot behind the service takes connections, and what to do. What the
//! bot says with `setWebhook` at the gateway reaches Telegram and outlives the service.

use std::net::SocketAddr;
use std::sync::Arc;

use doorbell::clock::SystemClock;
use doorbell::doctor::{Finding, Ring, Verdict, examine};
use doorbell::sandbox::TOKEN;
use doorbell::settings::{Need, Settings, Sources};
use serde_json::Value;
use tokio::net::TcpListener;

use crate::harness::waiting::until;
use crate::harness::{Answer, SECRET, TestApp, TestAppBuilder, count_calls, fetch, free_port, start_sandbox};

/// A service with a bot behind it that listens on this port, or will.
async fn app_with_bot(port: u16) -> TestApp {
    let url = format!("http://127.0.0.1:{port}/a-secret-path");
    let app = TestAppBuilder::default().with("forward.url", url).start().await;
    app.registered().await;
    app
}

/// What `/readyz` answers once its status is `wanted`.
async fn readiness(app: &TestApp, wanted: u16) -> Answer {
    until("the readiness", async || Some(fetch(app.addr, "/readyz").await).filter(|answer| answer.status == wanted))
        .await
}

async fn bot_health(app: &TestApp) -> Value {
    let answer = fetch(app.addr, "/healthz").await;
    assert_eq!(answer.status, 200, "a bot that is away is no reason to restart the service: {}", answer.body);
    assert!(!answer.body.contains("a-secret-path"), "{}", answer.body);
    answer.json()["bot"].clone()
}

async fn findings(app: &TestApp, port: u16) -> Vec<Finding> {
    let sources = Sources::default()
        .with("telegram.bot_token", TOKEN)
        .with("telegram.api_url", app.sandbox.api_url())
        .with("webhook.secret_token", SECRET)
        .with("webhook.public_url", format!("http://{}", app.addr))
        .with("forward.url", format!("http://127.0.0.1:{port}/a-secret-path"))
        .with("inbox.url", format!("sqlite:{}", app.folder.path().join("inbox.db").display()));
    let settings = Settings::load(&sources, Need::Token).expect("the settings are right");
    examine(&settings, Arc::new(SystemClock), Ring::No).await
}

fn found<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
    let found = findings.iter().find(|finding| finding.check == check);
    found.unwrap_or_else(|| panic!("no finding {check} in {findings:#?}"))
}

#[tokio::test]
async fn the_service_is_ready_only_while_the_bot_takes_connections_and_is_healthy_all_the_time() {
    let port = free_port();
    let app = app_with_bot(port).await;
    let away = readiness(&app, 503).await;
    assert!(away.json()["reasons"].to_string().contains("your bot is away since"), "{}", away.body);
    let health = bot_health(&app).await;
    assert_eq!(health["status"], "away");
    assert!(health["says"].as_str().is_some_and(|says| says.contains("wait in the inbox")), "{health}");
    let page = fetch(app.addr, "/").await;
    assert!(page.body.contains("<dt>Your bot</dt><dd lang=\"en\">your bot is away"), "{}", page.body);

    let bot = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    readiness(&app, 200).await;
    assert_eq!(bot_health(&app).await["status"], "available");
    drop(bot);
    readiness(&app, 503).await;
}

#[tokio::test]
async fn without_a_bot_behind_the_service_nothing_speaks_of_one() {
    let app = TestApp::spawn().await;
    assert_eq!(fetch(app.addr, "/readyz").await.status, 200);
    assert_eq!(bot_health(&app).await, Value::Null);
    assert!(!fetch(app.addr, "/").await.body.contains("Your bot"));
}

#[tokio::test]
async fn the_doctor_says_that_the_bot_is_away_and_sends_it_nothing() {
    let port = free_port();
    let app = app_with_bot(port).await;
    readiness(&app, 503).await;
    let seen = findings(&app, port).await;
    assert_eq!(found(&seen, "bot target").verdict, Verdict::Ok);
    let reachable = found(&seen, "bot reachable");
    assert_eq!(reachable.verdict, Verdict::Failed, "{reachable:#?}");
    assert!(reachable.seen.contains(&format!("127.0.0.1:{port} takes no connection: connection refused")));
    assert!(reachable.advice.as_deref().is_some_and(|advice| advice.contains("Start the bot")), "{reachable:#?}");
    assert!(!format!("{seen:?}").contains("a-secret-path"), "{seen:#?}");

    let bot = TcpListener::bind(("127.0.0.1", port)).await.expect("the port is free");
    readiness(&app, 200).await;
    let seen = findings(&app, port).await;
    assert_eq!(found(&seen, "bot reachable").verdict, Verdict::Ok, "{seen:#?}");
    drop(bot);
}

/// The kinds of updates that Telegram sends, once they are these.
async fn kinds_become(app: &TestApp, wanted: &[&str]) {
    let kinds = async || app.sandbox.webhook().filter(|webhook| webhook.allowed_updates == wanted);
    until("the kinds of updates at Telegram", kinds).await;
}

#[tokio::test]
async fn the_kinds_that_a_bot_asks_for_are_registered_and_kept_over_a_restart() {
    let (sandbox, folder) = (start_sandbox(&SystemClock).await, Arc::new(tempfile::tempdir().expect("a folder")));
    let (gateway, port) = (SocketAddr::from(([127, 0, 0, 1], free_port())), free_port());
    let start = async || {
        let mut builder = TestAppBuilder::default().with("gateway.listen", gateway).with_sandbox(&sandbox);
        builder.folder = Some(Arc::clone(&folder));
        let app = builder.start().await;
        app.registered().await;
        app
    };
    let mut app = start().await;
    assert_eq!(bot_health(&app).await["gateway"]["real_token_used"], false);
    let kinds = "allowed_updates=[%22message%22,%22message_reaction%22]";
    let set = format!("/bot{TOKEN}/setWebhook?url=http://127.0.0.1:{port}/a-secret-path&{kinds}");
    assert_eq!(fetch(gateway, &set).await.json()["result"], true);
    kinds_become(&app, &["message", "message_reaction"]).await;
    assert_eq!(bot_health(&app).await["gateway"]["real_token_used"], true);
    assert_eq!(app.stop().await.map_err(|error| error.to_string()), Ok(()));
    drop(app);

    let calls = count_calls(&sandbox, "setWebhook");
    let app = start().await;
    kinds_become(&app, &["message", "message_reaction"]).await;
    assert_eq!(count_calls(&sandbox, "setWebhook"), calls + 1, "the first registration has them");
    // The bot need not call setWebhook again: its address is known, and nothing listens there.
    let away = readiness(&app, 503).await;
    assert!(away.json()["reasons"].to_string().contains("your bot is away since"), "{}", away.body);
    // The doctor compares with what the bot asks for, and reads it where the service has stored it.
    let seen = findings(&app, port).await;
    assert_eq!(found(&seen, "kinds and limits").verdict, Verdict::Ok, "{seen:#?}");
    assert!(found(&seen, "bot target").seen.contains("its URL is stored"), "{seen:#?}");
}
