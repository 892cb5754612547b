//! No spelling of a method passes the refusal to poll, to change the registration and to log out (facts: trap 11).

use super::harness::{Gateway, Options, assert_error, posted};
use super::upstream::Upstream;
use crate::harness::{RawConnection, waiting};

/// The spellings of a path with this method.
fn spellings(method: &str) -> Vec<String> {
    let first = method.as_bytes()[0];
    let encoded = method.bytes().map(|byte| format!("%{byte:02x}")).collect::<Vec<_>>().concat();
    [
        format!("/{{bot}}/{method}"),
        format!("/{{bot}}/{}", method.to_uppercase()),
        format!("/{{bot}}/{}", method.to_lowercase()),
        format!("/{{bot}}/%{first:02x}{}", &method[1..]),
        format!("/{{bot}}/%{first:02X}{}", &method[1..]),
        format!("/{{bot}}/{encoded}"),
        format!("/{{bot}}/test/{method}"),
        format!("/{{bot}}/TEST/{method}"),
        format!("/{{bot}}/t%65st/{encoded}"),
        format!("/{{bot}}/test%2F{method}"),
        format!("/{{bot}}/{method}?method=getMe"),
        format!("/{{bot}}/?method={method}"),
        format!("/{{bot}}?method={method}"),
        format!("/{{bot}}/test?method={method}"),
        format!("/{{bot}}/test/?method={encoded}"),
        format!("/{{bot}}/?a=1&m%65thod={}", method.to_uppercase()),
        format!("/{{bot}}/?method={method}&method=getMe"),
    ]
    .into()
}

/// Paths that could lead to the method after another program has changed them.
fn detours(method: &str) -> Vec<String> {
    [
        format!("/{{bot}}/x/../{method}"),
        format!("/{{bot}}/./{method}"),
        format!("/{{bot}}/%2e/{method}"),
        format!("/{{bot}}/x/%2E%2e/{method}"),
        format!("/{{bot}}/x\\..\\{method}"),
        format!("/{{bot}}//{method}"),
        format!("//{{bot}}/{method}"),
        format!("/x/../{{bot}}/{method}"),
        format!("/{{bot}}/{method}/"),
        format!("/{{bot}}/{method}%00"),
        format!("/{{bot}}/{method}%20"),
        format!("/{{bot}}/%20{method}"),
        format!("/{{bot}}/{method}%3Fa"),
        format!("/{{bot}}/{method}%23"),
        format!("/{{bot}}/{method};a=b"),
        format!("/{{bot}}/%25{:02x}{}", method.as_bytes()[0], &method[1..]),
        format!("/{{bot}}/test/test/{method}"),
        format!("/{{bot}}/test{method}"),
        format!("/{{bot}}/sendMessage/../{method}"),
        format!("/file/{{bot}}/../../{{bot}}/{method}"),
        format!("/file/{{bot}}/%2e%2e/%2e%2e/{{bot}}/{method}"),
        format!("/file/{{bot}}/..%2F..%2F{{bot}}/{method}"),
        format!("/file/{{bot}}/..\\..\\{{bot}}\\{method}"),
    ]
    .into()
}

#[tokio::test]
async fn every_spelling_of_log_out_and_close_is_answered_and_none_reaches_telegram() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for method in ["logOut", "close", "deleteWebhook"] {
        for path in spellings(method) {
            for answer in [gateway.get(&path).await, gateway.post(&path, "application/json", "{}").await] {
                assert_eq!((answer.status, &answer.json()["result"]), (200, &true.into()), "{path}");
            }
        }
        for path in detours(method) {
            let answer = gateway.get(&path).await;
            assert!(matches!(answer.status, 400 | 404), "{path}: {answer:?}");
            assert_error(&answer, answer.status, if answer.status == 400 { "Bad Request" } else { "Not Found" });
        }
    }
    assert!(upstream.seen().is_empty(), "{:?}", upstream.seen());
}

#[tokio::test]
async fn a_method_that_only_the_body_names_is_found_there() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\nLOGOUT\r\n--X--\r\n";
    for (content_type, body) in [
        ("application/json", r#"{"method":"logOut"}"#),
        ("application/json", r#"{"a":1,"m\u0065thod":"logout","b":"#),
        ("application/x-www-form-urlencoded", "a=1&method=log%4Fut"),
        ("multipart/form-data; boundary=X", multipart),
    ] {
        for path in ["/{bot}/", "/{bot}", "/{bot}/test/"] {
            let answer = gateway.post(path, content_type, body).await;
            assert_eq!((answer.status, &answer.json()["result"]), (200, &true.into()), "{path} {body}");
        }
    }
    assert!(upstream.seen().is_empty());

    // Any other method passes with its name in the path, where the Bot API reads no other parameter for it.
    let body = r#"{"method":"sendMessage","text":"a"}"#;
    assert_eq!(gateway.post("/{bot}/", "application/json", body).await.status, 200);
    let seen = upstream.only();
    assert_eq!((seen.target.as_str(), &seen.body[..]), ("/botTOKEN/sendMessage", body.as_bytes()));
    assert_eq!(gateway.get("/{bot}/?method=getMe").await.status, 200);
    assert_eq!(upstream.only().target, "/botTOKEN/getMe?method=getMe");
}

#[tokio::test]
async fn a_request_without_a_method_is_refused() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let large = format!("{{\"a\":\"{}\",\"method\":\"getMe\"}}", "a".repeat(64 * 1024));
    for body in ["", "{}", r#"{"method":""}"#, r#"{"method":"get Me"}"#, r#"{"method":"x/../getMe"}"#, "null"] {
        assert_error(&gateway.post("/{bot}/", "application/json", body).await, 404, "Not Found");
    }
    let mut wire = RawConnection::connect(gateway.addr).await;
    wire.send(super::harness::with_stand_in(posted("/{bot}/", "application/json", &large).as_bytes())).await;
    assert_error(&wire.answer().await, 404, "Not Found");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_parameter_named_method_is_harmless_if_the_path_has_one() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let body = r#"{"method":"close"}"#;
    assert_eq!(gateway.post("/{bot}/sendMessage?method=logOut", "application/json", body).await.status, 200);
    let seen = upstream.only();
    assert_eq!((seen.target.as_str(), &seen.body[..]), ("/botTOKEN/sendMessage?method=logOut", body.as_bytes()));
}

#[tokio::test]
async fn the_settings_decide_about_the_test_environment_and_not_the_path() {
    let upstream = Upstream::start().await;
    let gateways =
        [Gateway::before(&upstream), Options::before(&upstream).with("telegram.test_environment", "true").start()];
    for (gateway, test) in gateways.iter().zip(["", "test/"]) {
        for path in ["/{bot}/getMe", "/{bot}/test/getMe"] {
            assert_eq!(gateway.get(path).await.status, 200);
            assert_eq!(upstream.only().target, format!("/botTOKEN/{test}getMe"), "{path}");
        }
        assert_eq!(gateway.get("/file/{bot}/photos/1.jpg").await.status, 200);
        assert_eq!(upstream.only().target, format!("/file/botTOKEN/{test}photos/1.jpg"));
    }
}

#[tokio::test]
async fn other_http_methods_get_501() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH", "X"] {
        let answer = gateway.ask(format!("{method} /{{bot}}/getMe HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        assert_error(&answer, 501, "Not Implemented");
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn each_request_is_counted() {
    use doorbell::gateway::StatusClass;
    use doorbell::telegram::MethodName;
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    gateway.get("/{bot}/sendMessage").await;
    gateway.get("/{bot}/throttle").await;
    gateway.get("/{bot}/x/y").await;
    gateway.get("/{bot}/getWebhookInfo").await;
    let count = |method, status| gateway.counts.answered.of((MethodName::of(method), status)).get();
    let counted = async || (count("getWebhookInfo", StatusClass::Success) == 1).then_some(());
    waiting::until("the last one is counted", counted).await;
    assert_eq!(count("sendMessage", StatusClass::Success), 1);
    assert_eq!(count("throttle", StatusClass::Throttled), 1);
    assert_eq!(count("no such method", StatusClass::Refused), 1, "a path without a method");
    // A name of the bot's own becomes no label.
    let mut page = String::new();
    let mut registry = doorbell::telemetry::Registry::default();
    gateway.counts.register(&mut registry);
    prometheus_client::encoding::text::encode(&mut page, &registry).unwrap();
    assert!(page.contains(r#"doorbell_gateway_requests_total{method="sendMessage",status="2xx"} 1"#), "{page}");
    assert!(!page.contains("throttle") && !page.contains(r#"method="getMe""#), "{page}");
}
