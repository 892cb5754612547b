//! Registered by itself: at start the service points Telegram at its own public URL.

use crate::harness::{TestApp, Wanted};

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
async fn stopping_never_removes_the_webhook() {
    let mut app = TestApp::spawn().await;
    app.stop().await.expect("it stops well");
    assert!(app.sandbox.webhook().is_some());
    assert!(app.sandbox.calls().iter().all(|call| call.method != "deleteWebhook"));
}

#[tokio::test]
async fn a_refused_token_ends_the_service() {
    let token = "123456789:AAtestThisIsAnotherBotsTokenOfTests01";
    let mut app = Wanted::default().with("telegram.bot_token", token).start().await;
    let refused = app.stop_by_itself().await.expect_err("it is refused");
    assert!(refused.to_string().contains("401"), "{refused}");
}
