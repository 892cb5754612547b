use serde_json::json;
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::bot::{Act, Bot};
use super::{holds, in_front_of};
use crate::harness::{TestApp, message};
use doorbell::sandbox::TOKEN;
use std::sync::Arc;

/// A Bot API that refuses the first calls of `sendMessage` with 502 and accepts every other call.
async fn telegram(refused: u64) -> MockServer {
    let server = MockServer::start().await;
    if refused > 0 {
        let at = path(format!("/bot{TOKEN}/sendMessage"));
        Mock::given(at).respond_with(ResponseTemplate::new(502)).up_to_n_times(refused).mount(&server).await;
    }
    let result = json!({ "ok": true, "result": { "id": 1, "is_bot": true, "first_name": "Bot", "username": "a_bot" } });
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(result)).mount(&server).await;
    server
}

/// A bot that answers each update with this body, in front of which a service runs.
async fn answering(content_type: &str, body: &[u8], telegram: &MockServer) -> (Arc<Bot>, TestApp) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = [head.as_bytes(), body].concat();
    let bot = Bot::start(move |_| Act::Answer(answer.clone())).await;
    let app = in_front_of(&bot).with("telegram.api_url", telegram.uri()).with("webhook.register", false).start().await;
    (bot, app)
}

/// The calls that Telegram received, apart from those of the service itself.
async fn calls(telegram: &MockServer) -> Vec<Request> {
    let requests = telegram.received_requests().await.expect("they are kept");
    requests.into_iter().filter(|request| !request.url.path().contains("/get")).collect()
}

#[tokio::test]
async fn a_method_in_the_answer_is_made_byte_for_byte_in_each_form() {
    let multipart: &[u8] = b"--X-y\r\ncontent-disposition:form-data;name=\"method\"\r\n\r\nsendMessage\r\n--X-y\r\n\
        content-disposition:form-data;name=\"p\";filename=a.jpg\r\n\r\n\x00\xff\xd8--X\r\n--X-y--";
    for (content_type, body) in [
        ("application/json; charset=utf-8", &br#" {"text":"h\u00e9" , "chat_id":7,"method":"sendMessage"}"#[..]),
        ("application/x-www-form-urlencoded", b"method=sendMessage&text=a+b%20%ff&chat_id=7"),
        ("multipart/form-data; boundary=\"X-y\"", multipart),
    ] {
        let telegram = telegram(0).await;
        let (bot, app) = answering(content_type, body, &telegram).await;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        bot.received(1).await;
        holds(&app, 0, 0).await;
        let calls = calls(&telegram).await;
        assert_eq!(calls.len(), 1, "{content_type}");
        assert_eq!(calls[0].url.path(), format!("/bot{TOKEN}/sendMessage"));
        assert_eq!(calls[0].headers["content-type"], content_type);
        assert_eq!(calls[0].body, body);
    }
}

#[tokio::test]
async fn a_call_that_telegram_cannot_take_now_is_kept_and_the_bot_is_not_asked_again() {
    for inbox in ["sqlite", "memory:"] {
        let telegram = telegram(2).await;
        let body = br#"{"method":"sendMessage","chat_id":7,"text":"a"}"#;
        let (bot, app) = {
            let (bot, app) = answering("application/json", body, &telegram).await;
            if inbox == "sqlite" {
                (bot, app)
            } else {
                drop(app);
                let wanted = in_front_of(&bot).with("telegram.api_url", telegram.uri());
                let app = wanted.with("webhook.register", false).with("inbox.url", inbox).start().await;
                (bot, app)
            }
        };
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        holds(&app, 0, 0).await;
        let calls = calls(&telegram).await;
        assert_eq!((bot.requests().len(), calls.len()), (1, 3));
        assert!(calls.iter().all(|call| call.body == body));
    }
}

#[tokio::test]
async fn what_telegram_ignores_in_an_answer_makes_no_call() {
    for (content_type, body) in [
        ("application/json", r#""""#),
        ("application/json", "{}"),
        ("application/json", r#""{\"method\":\"sendMessage\"}""#),
        ("application/json", r#"{"method":"setWebhook","url":""}"#),
        ("application/json", r#"{"method":"DELETEWEBHOOK"}"#),
        ("application/json", r#"{"method":"logOut"}"#),
        ("application/json", r#"{"method":"getChat","chat_id":7}"#),
        ("application/x-www-form-urlencoded", "method=close"),
        ("text/plain", r#"{"method":"sendMessage"}"#),
        ("text/html", "OK"),
    ] {
        let telegram = telegram(0).await;
        let (bot, app) = answering(content_type, body.as_bytes(), &telegram).await;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        bot.received(1).await;
        holds(&app, 0, 0).await;
        assert!(calls(&telegram).await.is_empty(), "{body}");
    }
}
