use std::time::Duration;

use serde_json::{Value, json};

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

#[tokio::test]
async fn a_method_is_found_however_a_framework_writes_it() {
    let telegram = TestSandbox::start().await;
    for (verb, rest, content_type, body) in [
        ("POST", "setWebHook?url=", "", ""),
        ("POST", "test/getMe", "application/json", "null"),
        ("POST", "%67etMe", "application/json", "{"),
        ("POST", "?method=getme", "multipart/form-data; boundary=B", ""),
        ("GET", "", "application/json", r#"{"method": "getMe"}"#),
        ("POST", "getMe?method=sendLove", "application/octet-stream", "?"),
    ] {
        let answer = telegram.typed(verb, &format!("/bot{TOKEN}/{rest}"), content_type, body.as_bytes()).await.unwrap();
        assert_eq!((answer.code, &answer.body["ok"]), (200, &json!(true)), "{verb} {rest} {body}: {}", answer.body);
    }
    let unnamed = telegram.http("POST", &format!("/bot{TOKEN}/"), "{}").await.unwrap();
    assert_eq!((unnamed.code, &unnamed.body["description"]), (404, &json!("Not Found: method not found")));
    assert_eq!(telegram.http("PUT", &format!("/bot{TOKEN}/getMe"), "").await.unwrap().code, 501);
}

#[tokio::test]
async fn the_query_comes_before_the_body_and_a_get_can_have_one() {
    let telegram = TestSandbox::start().await;
    let path = format!("/bot{TOKEN}/sendMessage?chat_id=5&text=query");
    let sent = telegram.http("GET", &path, r#"{"text": "body", "message_thread_id": 7}"#).await.unwrap();
    let result = &sent.body["result"];
    assert_eq!((&result["text"], &result["message_thread_id"]), (&json!("query"), &json!(7)));
}

/// A multipart body of these parts, each a name, a file name and a content.
fn multipart(parts: &[(&str, Option<&str>, &[u8])]) -> Vec<u8> {
    let part = |(name, file, content): &(&str, Option<&str>, &[u8])| {
        let file = file.map_or_else(String::new, |file| format!(";filename={file}"));
        let head = format!("--X\r\ncontent-disposition:form-data;name=\"{name}\"{file}\r\n\r\n");
        [head.as_bytes(), content, b"\r\n"].concat()
    };
    [parts.iter().flat_map(part).collect::<Vec<u8>>().as_slice(), b"--X--\r\n"].concat()
}

const MULTIPART: &str = "multipart/form-data; boundary=X";

async fn upload(telegram: &TestSandbox, method: &str, parts: &[(&str, Option<&str>, &[u8])]) -> (u16, Value) {
    let path = format!("/bot{TOKEN}/{method}");
    let answer = telegram.typed("POST", &path, MULTIPART, &multipart(parts)).await.unwrap();
    (answer.code, answer.body)
}

#[tokio::test]
async fn an_uploaded_file_is_downloaded_with_the_same_bytes() {
    let telegram = TestSandbox::start().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).chain(*b"\r\n--Y\r\n\r\n").collect();
    let parts = [("chat_id", None, b"1".as_slice()), ("document", Some("a%20b.pdf"), &bytes)];
    let (_, sent) = upload(&telegram, "sendDocument", &parts).await;
    let document = &sent["result"]["document"];
    assert_eq!((&document["file_name"], &document["file_size"]), (&json!("a b.pdf"), &json!(bytes.len())));
    let file = telegram.call("getFile", json!({"file_id": document["file_id"]})).await.body["result"].clone();
    let path = file["file_path"].as_str().unwrap();
    assert_eq!(path, "documents/file_1.pdf");
    for path in [path.to_owned(), path.replace('/', "%2F")] {
        for token in [TOKEN.to_owned(), TOKEN.replace(':', "%3A")] {
            let (head, body) = telegram.bytes("GET", &format!("/file/bot{token}/{path}"), "", b"").await.unwrap();
            assert!(head.starts_with("HTTP/1.1 200") && body == bytes, "{path}: {head}");
        }
    }
    let again = telegram.call("sendDocument", json!({"chat_id": 1, "document": document["file_id"]})).await.body;
    assert_eq!(again["result"]["document"], *document);
    for (path, code) in [(format!("/file/bot{TOKEN}/documents/file_2.pdf"), 404), ("/file/botx/a".to_owned(), 401)] {
        assert_eq!(telegram.http("GET", &path, "").await.unwrap().code, code, "{path}");
    }
}

#[tokio::test]
async fn an_album_may_contain_uploads_and_each_photo_has_sizes() {
    let telegram = TestSandbox::start().await;
    let media = br#"[{"type":"photo","media":"attach://0","caption":"b"},{"type":"document","media":"attach://1"}]"#;
    let parts = [
        ("0", Some("0"), b"one".as_slice()),
        ("1", Some("1"), b"two"),
        ("chat_id", None, b"1"),
        ("media", None, media),
    ];
    let (_, album) = upload(&telegram, "sendMediaGroup", &parts).await;
    let sizes = album["result"][0]["photo"].as_array().unwrap();
    for (id, content) in [(&sizes[0], "one"), (&sizes[1], "one"), (&album["result"][1]["document"], "two")] {
        let file = telegram.call("getFile", json!({"file_id": id["file_id"]})).await.body["result"].clone();
        let path = format!("/file/bot{TOKEN}/{}", file["file_path"].as_str().unwrap());
        assert_eq!(telegram.bytes("GET", &path, "", b"").await.unwrap().1, content.as_bytes());
    }
    assert!(sizes[0]["width"].as_i64() < sizes[1]["width"].as_i64());
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let telegram = TestSandbox::start().await;
    let large = vec![b'x'; 51 << 20];
    let (code, body) = upload(&telegram, "sendDocument", &[("document", Some("a"), &large)]).await;
    assert_eq!((code, &body["description"]), (413, &json!("Request Entity Too Large: file is too big")));
    let (code, body) = upload(&telegram, "sendMessage", &[("text", None, &large[..=1 << 20])]).await;
    assert_eq!((code, &body["description"]), (413, &json!("Request Entity Too Large: too many parameters")));
    let files = vec![("a", Some("a"), b"x".as_slice()); 51];
    assert_eq!(upload(&telegram, "sendMessage", &files).await.0, 413);
    let parts = [("chat_id", None, b"1".as_slice()), ("photo", Some("a"), &large[..11 << 20])];
    let (code, body) = upload(&telegram, "sendPhoto", &parts).await;
    let description = body["description"].as_str().unwrap();
    assert!(code == 400 && description.contains("too big for a photo"), "{description}");
    let parts = [("chat_id", None, b"1".as_slice()), ("document", Some("a"), &large[..21 << 20])];
    let (_, sent) = upload(&telegram, "sendDocument", &parts).await;
    let id = &sent["result"]["document"]["file_id"];
    assert_eq!(telegram.description("getFile", json!({"file_id": id})).await, "Bad Request: file is too big");
    let (code, body) =
        upload(&telegram, "sendDocument", &[("chat_id", None, b"1"), ("document", Some("a"), b"")]).await;
    assert_eq!((code, &body["description"]), (400, &json!("Bad Request: file must be non-empty")));
}
