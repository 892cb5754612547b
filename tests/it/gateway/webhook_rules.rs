//! What the bot is told about its webhook, and whose `deleteWebhook` counts.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::gateway::Failure;
use doorbell::inbox::Inbox;
use doorbell::update::Update;
use jiff::Timestamp;
use serde_json::json;

use super::harness::{Gateway, Options};
use super::upstream::Upstream;
use crate::harness::{RawConnection, message};

const SET: &str = "GET /{bot}/setWebhook?url=http://a/new&allowed_updates=[%22message%22]&max_connections=3 HTTP/1.1\r\n\
                   Host: a\r\n\r\n";
const DELETE: &str = "GET /{bot}/deleteWebhook HTTP/1.1\r\nHost: a\r\n\r\n";

async fn on(gateway: &Gateway, wire: &mut RawConnection, request: &str) {
    let answer = gateway.ask_on(wire, request).await;
    assert_eq!((answer.status, &answer.json()["result"]), (200, &true.into()), "{request}");
}

#[tokio::test]
async fn get_webhook_info_tells_what_the_bot_has_set_and_what_waits() {
    let upstream = Upstream::start().await;
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let failure = Failure { at, message: "connection refused".to_owned() };
    let gateway = Options { last_failure: Some(failure), ..Options::before(&upstream) }.start();
    let nothing = gateway.get("/{bot}/getWebhookInfo").await.json();
    assert_eq!((&nothing["result"]["url"], &nothing["result"]["pending_update_count"]), (&"".into(), &0.into()));

    gateway.ask(SET).await;
    let update = Update::parse(message(1, 7, "a").to_string().into(), SystemClock.now()).unwrap();
    let saved = Arc::clone(&gateway.saved);
    // The memory store returns only when the update has been handled.
    let accepting = async move { saved.accept(update).await };
    let asking = async {
        crate::harness::waiting::until("it waits", async || {
            let info = gateway.post("/{bot}/GETWEBHOOKINFO", "application/json", "{}").await.json();
            (info["result"]["pending_update_count"] == 1).then_some(info)
        })
        .await
    };
    let info = tokio::select! {
        info = asking => info,
        accepted = accepting => unreachable!("nobody handles it: {accepted:?}"),
    };
    assert_eq!(
        info,
        json!({ "ok": true, "result": {
            "url": "http://a/new",
            "has_custom_certificate": false,
            "pending_update_count": 1,
            "max_connections": 3,
            "allowed_updates": ["message"],
            "last_error_date": 1_700_000_000,
            "last_error_message": "connection refused",
        } })
    );
    assert!(upstream.seen().is_empty(), "Telegram is not asked");
}

#[tokio::test]
async fn delete_webhook_pauses_and_set_webhook_goes_on() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut wire = RawConnection::connect(gateway.addr).await;
    on(&gateway, &mut wire, DELETE).await;
    assert!(gateway.targets.current().is_none(), "there is nothing to pause");
    on(&gateway, &mut wire, SET).await;
    on(&gateway, &mut wire, DELETE).await;
    let paused = gateway.target();
    assert_eq!((paused.is_paused, paused.url.as_str()), (true, "http://a/new"));
    assert_eq!(gateway.get("/{bot}/getWebhookInfo").await.json()["result"]["url"], "");
    on(&gateway, &mut wire, SET).await;
    assert!(!gateway.target().is_paused);
    // An empty URL means the same as deleteWebhook.
    on(&gateway, &mut wire, "GET /{bot}/setWebhook?url= HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(gateway.target().is_paused);
    assert_eq!(gateway.saved.texts().len(), 4, "each change is saved");
}

#[tokio::test]
async fn an_older_copys_delete_webhook_does_not_undo_a_newer_copys_set_webhook() {
    let upstream = Upstream::start().await;
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let gateway = Options { clock: Arc::new(clock.clone()), ..Options::before(&upstream) }.start();
    let mut old_copy = RawConnection::connect(gateway.addr).await;
    on(&gateway, &mut old_copy, SET).await;
    clock.advance(Duration::from_secs(1));
    let mut new_copy = RawConnection::connect(gateway.addr).await;
    on(&gateway, &mut new_copy, SET).await;

    on(&gateway, &mut old_copy, DELETE).await;
    assert!(!gateway.target().is_paused, "on its old connection");
    let mut other = RawConnection::connect(gateway.addr).await;
    on(&gateway, &mut other, DELETE).await;
    assert!(!gateway.target().is_paused, "on a new connection, soon");
    clock.advance(Duration::from_secs(61));
    on(&gateway, &mut old_copy, DELETE).await;
    assert!(!gateway.target().is_paused, "on its old connection, later");
    on(&gateway, &mut new_copy, DELETE).await;
    assert!(gateway.target().is_paused, "the copy that has set it may remove it");

    on(&gateway, &mut new_copy, SET).await;
    clock.advance(Duration::from_secs(61));
    let mut later = RawConnection::connect(gateway.addr).await;
    on(&gateway, &mut later, DELETE).await;
    assert!(gateway.target().is_paused, "on a new connection, later");
}
