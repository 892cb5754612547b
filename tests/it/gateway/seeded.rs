//! A thousand requests from a seeded generator: whatever they are, no refused method reaches Telegram, and each answer of
//! the gateway's own is Telegram's JSON.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell::clock::ManualClock;
use futures_util::future::join_all;
use jiff::Timestamp;
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::harness::{Gateway, Options, with_stand_in};
use super::upstream::Upstream;
use crate::harness::{Answer, RawConnection};

const REFUSED: [&str; 5] = ["getupdates", "setwebhook", "deletewebhook", "logout", "close"];

/// A name of a method, refused or not, in any case, with single letters encoded.
fn method() -> impl Strategy<Value = String> {
    let names = ["getUpdates", "setWebhook", "deleteWebhook", "logOut", "close", "getMe", "sendMessage", "test", ""];
    (prop::sample::select(names.to_vec()), any::<u64>()).prop_map(|(name, bits)| {
        let spelled = name.chars().enumerate().map(|(at, letter)| match (bits >> (2 * at)) & 3 {
            0 => letter.to_ascii_uppercase().to_string(),
            1 => letter.to_ascii_lowercase().to_string(),
            2 => format!("%{:02x}", u32::from(letter)),
            _ => letter.to_string(),
        });
        spelled.collect()
    })
}

/// A piece of a path.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "/", "//", "/./", "/../", "/%2e%2e/", "%2F", "\\", "/test/", "test", "%00", "%", ";", "?", "?method=",
        "&method=", "#", "/file/", "{bot}", "/{bot}/", "@", ":", "%C3%A9", "x", "%25", "+", "method", "=",
    ];
    prop_oneof![2 => prop::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => method(), 1 => "[!-~]{0,6}"]
}

fn path() -> impl Strategy<Value = String> {
    let start = prop_oneof![6 => Just("/{bot}"), 1 => Just("/file/{bot}"), 1 => Just("")];
    let one = (start.clone(), method()).prop_map(|(start, method)| format!("{start}/{method}"));
    let any =
        (start, prop::collection::vec(piece(), 0..6)).prop_map(|(start, pieces)| [start, &pieces.concat()].concat());
    prop_oneof![2 => one, 3 => any]
}

fn headers() -> impl Strategy<Value = String> {
    let lines = [
        "Content-Type: application/json",
        "Content-Type: application/x-www-form-urlencoded",
        "Content-Type: multipart/form-data; boundary=X",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Connection: keep-alive, content-type",
        "Expect: 100-continue",
        "X-Http-Method-Override: GET",
        "X-Original-URL: /{bot}/getUpdates",
        "Host: b",
        "Content-Length: 5",
        "Upgrade: h2c",
        "X: \u{e9}",
        "broken",
    ];
    prop::collection::vec(prop::sample::select(lines.to_vec()), 0..3).prop_map(|lines| lines.join("\r\n"))
}

fn body() -> impl Strategy<Value = String> {
    let named = (method(), 0..4_u8).prop_map(|(method, form)| match form {
        0 => format!(r#"{{"method":"{method}"}}"#),
        1 => format!("method={method}"),
        2 => format!("--X\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\n{method}\r\n--X--\r\n"),
        _ => format!("{:x}\r\n{{\"method\":\"{method}\"}}\r\n0\r\n\r\n", method.len() + 13),
    });
    prop_oneof![2 => named, 1 => Just(String::new()), 1 => "[ -~\r\n]{0,40}"]
}

fn request() -> impl Strategy<Value = String> {
    let verb =
        prop_oneof![9 => Just("POST"), 9 => Just("GET"), 1 => Just("HEAD"), 1 => "[A-Z]{1,4}".prop_map(|s| &*s.leak())];
    let version = prop_oneof![18 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/2")];
    (verb, path(), version, headers(), body(), any::<bool>()).prop_map(
        |(verb, path, version, headers, body, has_length)| {
            let length = if has_length { format!("Content-Length: {}\r\n", body.len()) } else { String::new() };
            let headers = if headers.is_empty() { headers } else { headers + "\r\n" };
            format!("{verb} {path} {version}\r\nHost: a\r\nConnection: close\r\n{length}{headers}\r\n{body}")
        },
    )
}

/// Sends a request, counts the status of its answer, and checks that an answer of the gateway's own is Telegram's JSON.
async fn send(gateway: &Gateway, request: String, statuses: &Mutex<BTreeMap<u16, u32>>) {
    let mut wire = RawConnection::connect(gateway.addr).await;
    wire.send(with_stand_in(request.as_bytes())).await;
    let text = wire.closed().await;
    let text = text.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&text);
    // A request that is not complete has no answer.
    if text.is_empty() {
        return;
    }
    let answer = Answer::read(text.as_bytes());
    *statuses.lock().unwrap().entry(answer.status).or_default() += 1;
    let passed = answer.header("x-own").is_some();
    let of_head = request.starts_with("HEAD ");
    let is_json = answer.body.starts_with("{\"ok\":");
    assert!(passed || is_json || of_head, "{request:?}: {answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_1000_strange_requests_none_reaches_telegram_with_a_refused_method() {
    let upstream = Upstream::start().await;
    // The bot that polls waits for 3 s, and a body that does not end for 10 s.
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let gateway = Options { clock: Arc::new(clock.clone()), ..Options::before(&upstream) }.start();
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let statuses = Mutex::new(BTreeMap::<u16, u32>::new());
    let advancing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            clock.advance(Duration::from_secs(1));
        }
    };
    let sending = async {
        for _ in 0..50 {
            let requests = (0..20).map(|_| request().new_tree(&mut runner).expect("a request").current());
            join_all(requests.map(|request| send(&gateway, request, &statuses))).await;
        }
    };
    tokio::select! {
        () = sending => {}
        () = advancing => unreachable!("it has no end"),
    }
    let statuses = statuses.into_inner().unwrap();
    let seen = upstream.seen();
    for seen in &seen {
        let (path, _) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        if path.starts_with("/file/botTOKEN/") {
            assert!(path.split(['/', '\\']).all(|segment| segment != ".."), "{seen:?}");
            continue;
        }
        let method = path.strip_prefix("/botTOKEN/").unwrap_or_else(|| panic!("{seen:?}"));
        assert!(!method.is_empty() && method.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{seen:?}");
        assert!(!REFUSED.contains(&&*method.to_ascii_lowercase()), "{seen:?}");
        assert!(matches!(&*seen.method, "GET" | "POST"), "{seen:?}");
    }
    assert!(seen.len() > 50, "some pass: {} of 1000 and {statuses:?}", seen.len());
    assert!(statuses.get(&404).is_some_and(|times| *times > 50), "some are refused: {statuses:?}");
    assert!(statuses.get(&409).is_some_and(|times| *times > 5), "some poll: {statuses:?}");
}
