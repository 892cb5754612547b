use std::time::Duration;

use serde_json::json;

use super::*;
use crate::clock::{self, Clock};
use crate::sandbox::Fault;
use crate::sandbox::tests::TestSandbox;

fn fault(what: FaultKind) -> Fault {
    Fault { method: None, times: Some(1), what }
}

#[tokio::test]
async fn a_wrong_token_is_refused_with_telegrams_descriptions() {
    let telegram = TestSandbox::start().await;
    for (path, code, description) in [
        ("/bot123456789:AAtestSandboxTokenOfDoorbell0123456788/getMe", 401, "Unauthorized"),
        ("/bot123456789:short/getMe", 401, "Unauthorized: invalid token specified"),
        ("/botnonsense/getMe", 401, "Unauthorized: invalid token specified"),
        ("/botabc:AAtestSandboxTokenOfDoorbell012/getMe", 421, "Misdirected Request: unallowed token specified"),
        ("/getMe", 404, "Not Found"),
        ("/bot", 404, "Not Found"),
    ] {
        let refused = telegram.http("POST", path, "").await.unwrap();
        assert_eq!((refused.code, &refused.body["description"]), (code, &json!(description)), "{path}");
    }
    assert!(telegram.sandbox.calls().is_empty());
    assert_eq!(telegram.description("sendLove", json!({})).await, "Not Found: method not found");
}

#[tokio::test]
async fn methods_are_accepted_in_any_case_with_parameters_in_the_query() {
    let telegram = TestSandbox::start().await;
    let sent = telegram.http("GET", &format!("/bot{TOKEN}/SENDMESSAGE?chat_id=5&text=a+b"), "").await.unwrap();
    assert_eq!(sent.body["result"]["text"], "a b");
    let call = telegram.sandbox.calls().remove(0);
    assert_eq!((call.method.as_str(), &call.params["chat_id"], call.code), ("SENDMESSAGE", &json!("5"), Some(200)));
}

#[tokio::test]
async fn the_records_contain_no_secret() {
    let telegram = TestSandbox::start().await;
    telegram.call("setWebhook", json!({"url": "http://127.0.0.1:9", "secret_token": "hush"})).await;
    let records = format!("{:?} {:?}", telegram.sandbox.calls(), telegram.sandbox.deliveries());
    assert!(!records.contains("hush") && !records.contains(TOKEN));
    assert_eq!(telegram.sandbox.webhook().unwrap().secret.as_deref(), Some("hush"));
}

#[tokio::test]
async fn too_many_requests_gives_the_delay_in_header_and_body() {
    let telegram = TestSandbox::start().await;
    let description = "Too Many Requests: retry after 7".to_owned();
    telegram.sandbox.add_fault(fault(FaultKind::Status { code: 429, description, retry_after: Some(7) }));
    let throttled = telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await;
    assert!(throttled.code == 429 && throttled.head.contains("\r\nretry-after: 7\r\n"));
    assert_eq!(throttled.body["parameters"]["retry_after"], 7);
    assert_eq!(telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await.code, 200);
    assert_eq!(telegram.sandbox.messages(None).len(), 1, "the throttled message was not sent");
}

#[tokio::test]
async fn faults_apply_to_calls_as_specified() {
    let telegram = TestSandbox::start().await;
    let path = format!("/bot{TOKEN}/sendMessage?chat_id=1&text=a");
    for (what, executed) in [(FaultKind::Close, 0), (FaultKind::Lost, 1)] {
        telegram.sandbox.add_fault(fault(what));
        assert!(telegram.http("GET", &path, "").await.is_none());
        assert_eq!(telegram.sandbox.messages(None).len(), executed);
    }
    telegram.sandbox.add_fault(fault(FaultKind::Html(502)));
    let page = telegram.http("GET", &path, "").await.unwrap();
    assert!(page.code == 502 && page.body.as_str().unwrap().starts_with("<html>"));
    telegram.sandbox.add_fault(fault(FaultKind::Garbage));
    let garbage = telegram.http("GET", &path, "").await.unwrap();
    assert!(garbage.code == 200 && garbage.body.as_str().unwrap().starts_with("{\"ok\":true"));
    let codes: Vec<Option<u16>> = telegram.sandbox.calls().into_iter().map(|call| call.code).collect();
    assert_eq!(codes, [None, None, Some(502), Some(200)]);
}

#[tokio::test]
async fn a_slow_response_comes_after_its_delay_and_a_hanging_call_gets_none() {
    let telegram = TestSandbox::start().await;
    telegram.http("POST", "/sandbox/faults", r#"{"method": "getMe", "what": {"slow": 5000}}"#).await.unwrap();
    telegram.sandbox.add_fault(Fault { method: Some("sendMessage".into()), times: None, what: FaultKind::Hang });
    let slow = telegram.call("getMe", json!({}));
    let hanging = telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"}));
    tokio::pin!(slow, hanging);
    let before = telegram.clock.now();
    let answer = loop {
        tokio::select! {
            biased;
            answer = &mut slow => break answer,
            _ = &mut hanging => unreachable!("it hangs"),
            () = tokio::task::yield_now() => telegram.clock.advance(Duration::from_millis(100)),
        }
    };
    assert!(answer.code == 200 && clock::elapsed(before, telegram.clock.now()) >= Duration::from_secs(5));
    assert_eq!(telegram.sandbox.calls().iter().filter(|call| call.code.is_none()).count(), 1);
    telegram.http("DELETE", "/sandbox/faults", "").await.unwrap();
    assert_eq!(telegram.call("sendMessage", json!({"chat_id": 1, "text": "a"})).await.code, 200);
}
