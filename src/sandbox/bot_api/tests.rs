use std::time::Duration;

use serde_json::json;

use super::super::Fault;
use super::super::tests::House;
use super::*;
use crate::clock::{self, Clock};

fn fault(what: Answer) -> Fault {
    Fault { method: None, times: Some(1), what }
}

#[tokio::test]
async fn a_wrong_token_is_refused_in_telegrams_words() {
    let house = House::start().await;
    for (path, code, description) in [
        ("/bot123456789:AAtestSandboxTokenOfDoorbell0123456788/getMe", 401, "Unauthorized"),
        ("/bot123456789:short/getMe", 401, "Unauthorized: invalid token specified"),
        ("/botnonsense/getMe", 401, "Unauthorized: invalid token specified"),
        ("/botabc:AAtestSandboxTokenOfDoorbell012/getMe", 421, "Misdirected Request: unallowed token specified"),
        ("/getMe", 404, "Not Found"),
        ("/bot", 404, "Not Found"),
    ] {
        let refused = house.http("POST", path, "").await.unwrap();
        assert_eq!((refused.code, &refused.body["description"]), (code, &json!(description)), "{path}");
    }
    assert!(house.sandbox.calls().is_empty());
    assert_eq!(house.description("sendLove", json!({})).await, "Not Found: method not found");
}

#[tokio::test]
async fn a_method_may_be_written_in_any_case_with_parameters_in_the_query() {
    let house = House::start().await;
    let sent = house.http("GET", &format!("/bot{TOKEN}/SENDMESSAGE?chat_id=5&text=a+b"), "").await.unwrap();
    assert_eq!(sent.body["result"]["text"], "a b");
    let call = house.sandbox.calls().remove(0);
    assert_eq!((call.method.as_str(), &call.params["chat_id"], call.code), ("SENDMESSAGE", &json!("5"), Some(200)));
}

#[tokio::test]
async fn no_secret_is_in_what_is_remembered() {
    let house = House::start().await;
    house.call("setWebhook", json!({"url": "http://127.0.0.1:9", "secret_token": "hush"})).await;
    let remembered = format!("{:?} {:?}", house.sandbox.calls(), house.sandbox.deliveries());
    assert!(!remembered.contains("hush") && !remembered.contains(TOKEN));
    assert_eq!(house.sandbox.webhook().unwrap().secret.as_deref(), Some("hush"));
}

#[tokio::test]
async fn too_many_requests_says_when_in_header_and_body() {
    let house = House::start().await;
    let description = "Too Many Requests: retry after 7".to_owned();
    house.sandbox.fault(fault(Answer::Status { code: 429, description, retry_after: Some(7) }));
    let throttled = house.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await;
    assert!(throttled.code == 429 && throttled.head.contains("\r\nretry-after: 7\r\n"));
    assert_eq!(throttled.body["parameters"]["retry_after"], 7);
    assert_eq!(house.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await.code, 200);
    assert_eq!(house.sandbox.messages(None).len(), 1, "the one that was throttled was not sent");
}

#[tokio::test]
async fn answers_go_wrong_as_scripted() {
    let house = House::start().await;
    let path = format!("/bot{TOKEN}/sendMessage?chat_id=1&text=a");
    for (what, carried_out) in [(Answer::Close, 0), (Answer::Lost, 1)] {
        house.sandbox.fault(fault(what));
        assert!(house.http("GET", &path, "").await.is_none());
        assert_eq!(house.sandbox.messages(None).len(), carried_out);
    }
    house.sandbox.fault(fault(Answer::Html(502)));
    let page = house.http("GET", &path, "").await.unwrap();
    assert!(page.code == 502 && page.body.as_str().unwrap().starts_with("<html>"));
    house.sandbox.fault(fault(Answer::Garbage));
    let garbage = house.http("GET", &path, "").await.unwrap();
    assert!(garbage.code == 200 && garbage.body.as_str().unwrap().starts_with("{\"ok\":true"));
    let codes: Vec<Option<u16>> = house.sandbox.calls().into_iter().map(|call| call.code).collect();
    assert_eq!(codes, [None, None, Some(502), Some(200)]);
}

#[tokio::test]
async fn a_slow_answer_comes_when_the_clock_says_so_and_a_hanging_one_never() {
    let house = House::start().await;
    house.http("POST", "/sandbox/faults", r#"{"method": "getMe", "what": {"slow": 5000}}"#).await.unwrap();
    house.sandbox.fault(Fault { method: Some("sendMessage".into()), times: None, what: Answer::Hang });
    let slow = house.call("getMe", json!({}));
    let hanging = house.call("sendMessage", json!({"chat_id": 1, "text": "a"}));
    tokio::pin!(slow, hanging);
    let before = house.clock.now();
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut slow => break answer,
            _ = &mut hanging => unreachable!("it hangs"),
            () = tokio::task::yield_now() => house.clock.advance(Duration::from_millis(100)),
        }
    };
    assert!(answer.code == 200 && clock::elapsed(before, house.clock.now()) >= Duration::from_secs(5));
    assert_eq!(house.sandbox.calls().iter().filter(|call| call.code.is_none()).count(), 1);
    house.http("DELETE", "/sandbox/faults", "").await.unwrap();
    assert_eq!(house.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await.code, 200);
}
