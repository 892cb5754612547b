//! A 429 of the bot makes Doorbell's own calls wait too, and the bot's own calls are never held.

use std::time::Duration;

use doorbell::clock::{Clock, SystemClock, elapsed};
use doorbell::telegram::{ApiError, Call};

use super::harness::Gateway;
use super::upstream::Upstream;

/// Whether a call of Doorbell's own would be put off.
async fn waits(gateway: &Gateway, call: &Call) -> bool {
    let permit = gateway.api.permit().await.unwrap_or_else(|at| panic!("it is permitted, not only {at}"));
    match gateway.api.turn(call, permit).await.err() {
        None => false,
        Some(ApiError::Throttled { retry_after }) => {
            assert!((Duration::from_secs(5)..=Duration::from_secs(7)).contains(&retry_after), "{retry_after:?}");
            true
        }
        Some(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_429_for_a_chat_holds_doorbells_calls_to_this_chat() {
    let upstream = Upstream::start().await;
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--X--\r\n";
    for (target, content_type, body) in [
        ("/{bot}/throttle?chat_id=7", "", ""),
        ("/{bot}/throttle", "application/json", r#"{"chat_id":7,"text":"a"}"#),
        ("/{bot}/throttle", "application/x-www-form-urlencoded", "chat_id=7"),
        ("/{bot}/throttle", "multipart/form-data; boundary=X", multipart),
    ] {
        let gateway = Gateway::before(&upstream);
        assert_eq!(gateway.post(target, content_type, body).await.status, 429);
        assert!(waits(&gateway, &Call::send_message(7, "a")).await, "{content_type}");
        assert!(!waits(&gateway, &Call::send_message(8, "a")).await, "{content_type}");
    }
}

#[tokio::test]
async fn a_429_without_a_chat_holds_all_of_doorbells_calls_and_none_of_the_bots() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    assert_eq!(gateway.get("/{bot}/throttle").await.status, 429);
    assert!(waits(&gateway, &Call::send_message(8, "a")).await);
    let began = SystemClock.steady();
    assert_eq!(gateway.get("/{bot}/sendMessage?chat_id=8").await.status, 200);
    assert!(elapsed(began, SystemClock.steady()) < Duration::from_secs(4));
}
