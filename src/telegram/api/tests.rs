use wiremock::matchers::{body_json, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::clock::SystemClock;

async fn telegram(name: &str, params: Value, answer: Value) -> (MockServer, BotApi) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(format!("/bot1:a/{name}")))
        .and(body_json(params))
        .respond_with(ResponseTemplate::new(200).set_body_json(answer))
        .mount(&server)
        .await;
    let settings = TelegramSettings::at(&format!("{}/", server.uri()));
    (server, BotApi::new(&settings, BotToken::new("1:a".to_owned().into()), Arc::new(SystemClock)))
}

#[tokio::test]
async fn a_call_is_a_post_of_its_parameters_as_json() {
    let answer = json!({"ok": true, "result": {"message_id": 5}});
    let (_server, api) = telegram("sendMessage", json!({"chat_id": 7, "text": "a"}), answer).await;
    let call = Call::send_message(7, "a");
    assert_eq!(api.call(&call).await, Ok(json!({"message_id": 5})));
    assert_eq!(api.perform(&call).await, Ok(()));
}

#[tokio::test]
async fn in_the_test_environment_test_precedes_the_method() {
    let (server, _) = telegram("test/getMe", json!({}), json!({"ok": true, "result": {"id": 1}})).await;
    let settings = TelegramSettings { test_environment: true, ..TelegramSettings::at(&server.uri()) };
    let api = BotApi::new(&settings, BotToken::new("1:a".to_owned().into()), Arc::new(SystemClock));
    assert_eq!(api.get_me().await.map(|me| me.id), Ok(1));
}

#[tokio::test]
async fn a_webhook_is_set_with_all_parameters_and_drops_pending_updates_only_if_asked() {
    let mut wanted = json!({"url": "https://a.example/", "secret_token": "s", "allowed_updates": [],
        "max_connections": 40});
    let answer = json!({"ok": true, "result": true, "description": "Webhook was set"});
    let mut webhook = SetWebhook {
        url: "https://a.example/".to_owned(),
        secret_token: "s".to_owned().into(),
        allowed_updates: vec![],
        max_connections: 40,
        drop_pending_updates: false,
    };
    let (_server, api) = telegram("setWebhook", wanted.clone(), answer.clone()).await;
    assert_eq!(api.set_webhook(&webhook).await, Ok("Webhook was set".to_owned()));

    webhook.drop_pending_updates = true;
    wanted["drop_pending_updates"] = json!(true);
    let (_server, api) = telegram("setWebhook", wanted, answer).await;
    assert_eq!(api.set_webhook(&webhook).await, Ok("Webhook was set".to_owned()));
}

#[tokio::test]
async fn the_token_is_removed_from_the_url_of_a_webhook() {
    let answer = json!({"ok": true, "result": {"url": "https://b.example/bot1:a/"}});
    let (_server, api) = telegram("getWebhookInfo", json!({}), answer).await;
    assert_eq!(api.webhook_info().await.map(|info| info.url), Ok("https://b.example/bot[token]/".to_owned()));
}

#[tokio::test]
async fn a_method_that_is_no_name_is_refused_without_a_request() {
    let (server, api) = telegram("getMe", json!({}), json!({"ok": true, "result": {}})).await;
    for name in ["", "../getMe", "getMe?a=b", "get Me", "getMe#"] {
        assert!(matches!(api.perform(&Call::new(name)).await, Err(ApiError::Refused { code: 404, .. })));
    }
    assert_eq!(server.received_requests().await.map(|requests| requests.len()), Some(0));
}

#[tokio::test]
async fn a_response_without_a_result_is_unreadable() {
    let (_server, api) = telegram("getMe", json!({}), json!({"ok": true})).await;
    assert!(matches!(api.get_me().await, Err(ApiError::Unreadable { .. })));
}
