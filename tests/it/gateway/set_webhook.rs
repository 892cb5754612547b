//! `setWebhook` in the form of each framework (facts: section 1).

use std::sync::Arc;

use doorbell::clock::ManualClock;
use doorbell::inbox::Inbox;
use doorbell::update::Update;
use jiff::Timestamp;

use super::harness::{Gateway, Options, assert_error, posted, stand_in, with_stand_in};
use super::set_webhook_forms::{FORM, JSON, URL, cases, chunked};
use super::upstream::Upstream;
use crate::harness::{Log, RawConnection, message};

#[tokio::test]
async fn the_webhook_of_each_framework_becomes_the_target() {
    let upstream = Upstream::start().await;
    for (framework, request, secret, kinds, most) in cases() {
        let gateway = Gateway::before(&upstream);
        let answer = gateway.ask(&request).await;
        assert_eq!(answer.body, r#"{"ok":true,"result":true,"description":"Webhook was set"}"#, "{framework}");
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{framework}");
        let target = gateway.target();
        let kinds = kinds.map(|kinds| kinds.into_iter().map(str::to_owned).collect());
        assert_eq!((target.url.as_str(), target.secret_token.as_deref()), (URL, secret), "{framework}");
        assert_eq!((target.allowed_updates, target.max_connections), (kinds, most), "{framework}");
        assert!(!target.is_paused, "{framework}");
        let saved = gateway.saved.texts();
        assert!(saved.len() == 1 && saved[0].1.is_none(), "{framework}: it is saved before it is used");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&saved[0].0).unwrap()["url"], URL, "{framework}");
    }
    assert!(upstream.seen().is_empty(), "Telegram is not asked");
}

#[tokio::test]
async fn a_body_without_parameters_means_no_webhook() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let zero = chunked("/{bot}/setWebhook", "multipart/form-data; boundary=X", "");
    let long_url = posted("/{bot}/setWebhook", JSON, r#"{"url":""}"#);
    for request in [posted("/{bot}/setWebhook", JSON, "null"), zero, long_url, posted("/{bot}/setWebHook", FORM, "")] {
        let answer = gateway.ask(request).await;
        assert_eq!((answer.status, &answer.json()["result"]), (200, &true.into()));
    }
    assert!(gateway.targets.current().is_none() && upstream.seen().is_empty());
}

#[tokio::test]
async fn a_webhook_that_cannot_be_used_is_refused_and_nothing_changes() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for body in [r#"{"url":"bot.example/x"}"#, r#"{"url":"http://a/","secret_token":"a b"}"#, r#"{"url":"file:///x"}"#]
    {
        assert_error(&gateway.post("/{bot}/setWebhook", JSON, body).await, 400, "Bad Request");
    }
    let large = format!(r#"{{"url":"http://a/","x":"{}"}}"#, "a".repeat(1024 * 1024));
    let mut wire = RawConnection::connect(gateway.addr).await;
    wire.send(with_stand_in(posted("/{bot}/setWebhook", JSON, &large).as_bytes())).await;
    assert_error(&wire.answer().await, 413, "Request Entity Too Large");
    assert!(gateway.targets.current().is_none());
}

#[tokio::test]
async fn a_body_that_does_not_arrive_gets_408() {
    let upstream = Upstream::start().await;
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let gateway = Options { clock: Arc::new(clock.clone()), ..Options::before(&upstream) }.start();
    let mut wire = RawConnection::connect(gateway.addr).await;
    let head = "POST /{bot}/setWebhook HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{";
    wire.send(with_stand_in(head.as_bytes())).await;
    let advancing = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            clock.advance(std::time::Duration::from_secs(1));
        }
    };
    let answer = tokio::select! {
        answer = wire.answer() => answer,
        () = advancing => unreachable!("it has no end"),
    };
    assert_error(&answer, 408, "Request Timeout");
}

#[tokio::test]
async fn if_the_store_is_away_the_webhook_is_set_anyway_and_the_log_says_what_it_means() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    gateway.saved.go_away();
    let url = format!("http://127.0.0.1:3000/{}", stand_in());
    let answer = gateway.post("/{bot}/setWebhook", JSON, &format!(r#"{{"url":"{url}"}}"#)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(gateway.target().url, url);
    assert_eq!(log.lines("the bot must call setWebhook again").len(), 1);
    assert_eq!(log.lines("127.0.0.1:3000").len(), 1, "the host is logged, and the path is not");
}

#[tokio::test]
async fn dropping_the_waiting_updates_is_ignored_and_the_log_says_so_once() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for _ in 0..2 {
        let query = "/{bot}/setWebhook?url=http://a/&drop_pending_updates=True";
        assert_eq!(gateway.get(query).await.status, 200);
        assert_eq!(gateway.get("/{bot}/deleteWebhook?drop_pending_updates=True").await.status, 200);
    }
    assert_eq!(log.lines("gateway.allow_drop").len(), 1);
}

#[tokio::test]
async fn with_allow_drop_the_waiting_updates_are_dropped_and_the_log_says_how_many() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Options::before(&upstream).with("gateway.allow_drop", "true").start();
    let offer = async |ids: std::ops::Range<i64>| {
        for id in ids {
            let update = Update::parse(message(id, id, "a").to_string().into(), Timestamp::UNIX_EPOCH).unwrap();
            let inbox = Arc::clone(&gateway.saved);
            #[expect(clippy::disallowed_methods, reason = "a test's task ends with the test's runtime")]
            drop(tokio::spawn(async move { inbox.accept(update).await }));
            tokio::task::yield_now().await;
        }
    };
    let waiting = async || gateway.saved.survey().await.unwrap().waiting;
    offer(1..4).await;
    assert_eq!(waiting().await, 3);
    assert_eq!(gateway.get("/{bot}/setWebhook?url=http://a/").await.status, 200);
    assert_eq!(waiting().await, 3, "the bot has not asked");
    // The deleteWebhook of another copy is ignored, and drops nothing.
    assert_eq!(gateway.get("/{bot}/deleteWebhook?drop_pending_updates=1").await.status, 200);
    assert_eq!(waiting().await, 3);
    assert_eq!(gateway.get("/{bot}/setWebhook?url=http://a/&drop_pending_updates=true").await.status, 200);
    assert_eq!(waiting().await, 0);
    assert_eq!(log.lines("dropped 3 updates, because the bot's setWebhook asked for it").len(), 1);
    offer(4..5).await;
    let mut wire = RawConnection::connect(gateway.addr).await;
    for request in ["/{bot}/setWebhook?url=http://a/", "/{bot}/deleteWebhook?drop_pending_updates=true"] {
        let answer = gateway.ask_on(&mut wire, format!("GET {request} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(waiting().await, 0);
    assert_eq!(log.lines("dropped 1 update, because the bot's deleteWebhook asked for it").len(), 1);
    offer(5..6).await;
    gateway.saved.go_away();
    let answer = gateway.get("/{bot}/setWebhook?url=http://a/&drop_pending_updates=true").await;
    assert_eq!((answer.status, &answer.json()["result"]), (200, &true.into()), "the bot must start nevertheless");
    assert_eq!(log.lines("not all of them could be dropped").len(), 1);
}
