use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorbell::handler::forward::{BotStatus, Target};
use doorbell::sandbox::TOKEN;

use super::bot::{Act, Bot, Received, status};
use super::{holds, in_front_of, status_is};
use crate::harness::{SECRET, TestAppBuilder, free_port, message, post};

/// What a bot says with `setWebhook`.
pub(super) fn target(url: &str, secret: Option<&str>) -> Target {
    Target {
        url: url.to_owned(),
        secret_token: secret.map(ToOwned::to_owned),
        allowed_updates: None,
        max_connections: None,
        set_at: 0,
        is_paused: false,
    }
}

#[tokio::test]
async fn the_request_is_telegrams_byte_for_byte() {
    let bot = Bot::start(|_| status(200)).await;
    let app = in_front_of(&bot).with("forward.headers", "x-scope=a%20b,host=evil,content-length=1").start().await;
    let targets = app.targets.as_ref().expect("there is a bot");
    targets.set(target("https://Bot.Example:8443/a/../CANARY|%2F..%zz?q=a|b&'=\\", Some("secret_CANARY")));
    // A body that is not UTF-8, and with blanks that a parser would lose.
    let mut body = br#" {"update_id" :10, "message":{"message_id":1,"date":1700000000,"text":"h"#.to_vec();
    body.extend_from_slice(b"\xff\xfe\\u00e9\",\"chat\":{\"id\":7,\"type\":\"private\"}}} ");
    assert_eq!(post(app.addr, Some(SECRET), &body).await.status, 200);
    let request = bot.received(1).await.remove(0);
    let bot_id = TOKEN.split(':').next().expect("an id");
    let expected = format!(
        "POST /a/../CANARY|%2F..%zz?q=a|b&'=\\ HTTP/1.1\r\n\
         Host: Bot.Example:8443\r\n\
         X-Scope: a b\r\n\
         X-Telegram-Bot-Api-Secret-Token: secret_CANARY\r\n\
         Content-Type: application/json\r\n\
         Content-Length: {}\r\n\
         X-Forwarded-Proto: https\r\n\
         X-Doorbell-Attempt: 1\r\n\
         X-Doorbell-Trigger: first\r\n\
         Idempotency-Key: {bot_id}-10",
        body.len()
    );
    assert_eq!(request.head, expected);
    assert_eq!(request.body, body);
    holds(&app, 0, 0).await;
    let requests = bot.requests();
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn without_a_setwebhook_the_forward_url_is_asked_and_there_is_no_secret_header() {
    let bot = Bot::start(|_| status(200)).await;
    let app = in_front_of(&bot).with("forward.url", bot.url("/hook/CANARY?a=%2e%2e")).start().await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    let request = bot.received(1).await.remove(0);
    assert!(request.head.starts_with("POST /hook/CANARY?a=%2e%2e HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("host"), Some(bot.addr.to_string().as_str()));
    assert_eq!(request.header("x-telegram-bot-api-secret-token"), None);
    holds(&app, 0, 0).await;
}

#[tokio::test]
async fn a_retry_says_so_and_has_the_same_key() {
    let bot =
        Bot::start(|request| status(if request.header("x-doorbell-attempt") == Some("3") { 200 } else { 500 })).await;
    let app = in_front_of(&bot).start().await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    let requests = bot.received(3).await;
    holds(&app, 0, 0).await;
    let header = |name| requests.iter().map(|request| request.header(name).unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(header("x-doorbell-attempt"), ["1", "2", "3"]);
    assert_eq!(header("x-doorbell-trigger"), ["first", "retry", "retry"]);
    assert_eq!(header("idempotency-key").into_iter().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn updates_of_a_chat_arrive_in_order_and_chats_side_by_side_over_few_connections() {
    let bot = Bot::start(|_| status(200)).await;
    let app = in_front_of(&bot).start().await;
    for id in 1..=60 {
        assert_eq!(app.deliver(&message(id, id % 3 + 1, "a")).await.status, 200);
    }
    holds(&app, 0, 0).await;
    let requests = bot.requests();
    assert_eq!(requests.len(), 60);
    for chat in 0..3 {
        let ids: Vec<_> = requests.iter().map(Received::update_id).filter(|id| id % 3 == chat).collect();
        assert!(ids.is_sorted(), "{ids:?}");
    }
    // One of them is the watch's.
    assert!(bot.connections() <= 10, "{} connections", bot.connections());
}

#[tokio::test]
async fn the_bot_gets_no_more_updates_at_once_than_it_wants() {
    let (here, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let bot = {
        let (here, most) = (Arc::clone(&here), Arc::clone(&most));
        Bot::start(move |_| {
            most.fetch_max(here.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let here = Arc::clone(&here);
            // It is answered later, and counts until then.
            let Act::Answer(bytes) = status(200) else { panic!("an answer") };
            // Long enough that a busy machine ends the other task first.
            let wait = Duration::from_millis(100);
            #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
            tokio::spawn(async move {
                tokio::time::sleep(wait / 10).await;
                here.fetch_sub(1, Ordering::SeqCst);
            });
            Act::Later(wait, bytes)
        })
        .await
    };
    let app = in_front_of(&bot).start().await;
    let targets = app.targets.as_ref().expect("there is a bot");
    targets.set(Target { max_connections: Some(3), ..target("https://bot.example/hook", None) });
    for id in 1..=40 {
        assert_eq!(app.deliver(&message(id, id, "a")).await.status, 200);
    }
    holds(&app, 0, 0).await;
    assert_eq!(bot.requests().len(), 40);
    assert!(most.load(Ordering::SeqCst) <= 3);
}

#[tokio::test]
async fn a_paused_bot_gets_nothing_and_a_target_that_is_set_again_is_tried_at_once() {
    let bot = Bot::start(|_| status(200)).await;
    let app = in_front_of(&bot).start().await;
    let targets = app.targets.clone().expect("there is a bot");
    targets.set(Target { is_paused: true, ..target("https://bot.example/hook", None) });
    status_is(&app, "paused", |status| *status == BotStatus::Paused).await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    holds(&app, 1, 0).await;
    assert!(bot.requests().is_empty());
    targets.set(target("https://bot.example/other", None));
    assert!(bot.received(1).await[0].head.starts_with("POST /other "));
    holds(&app, 0, 0).await;
}

#[tokio::test]
async fn a_forward_url_that_names_the_service_itself_is_refused_in_a_sentence() {
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let app = TestAppBuilder::default()
        .with("server.port", port)
        .with("webhook.public_url", &url)
        .with("forward.url", format!("{url}/telegram/webhook"))
        .start()
        .await;
    let status = status_is(&app, "misconfigured", |status| matches!(status, BotStatus::Misconfigured { .. })).await;
    assert!(status.sentence().contains("would send each update to itself"), "{}", status.sentence());
}
