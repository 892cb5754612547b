//! Requests that two proxies may read in two ways: each is one request here, or the connection ends.

use std::time::Duration;

use doorbell::server::Limits;

use crate::harness::{SECRET, TestApp, TestAppBuilder, raw};

/// A service that soon closes what is silent, so that a test reads to the end of a connection.
async fn impatient() -> TestApp {
    let tick = Duration::from_millis(20);
    let limits = Limits { head: 5 * tick, idle: 5 * tick, linger: 5 * tick, tick, ..Limits::default() };
    let app = TestAppBuilder { limits, ..TestAppBuilder::default() }.start().await;
    app.registered().await;
    app
}

/// The status of each answer that a connection brings, and the first one's body.
async fn statuses(app: &TestApp, bytes: &[u8]) -> Vec<u16> {
    let answer = raw(app.addr, bytes).await;
    let more = answer.body.split("HTTP/1.1 ").skip(1).map(|more| more[..3].parse().expect("a status"));
    std::iter::once(answer.status).chain(more).filter(|status| *status != 0).collect()
}

/// What an attacker hides behind a request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test]
async fn what_can_be_read_in_two_ways_has_one_answer_and_ends_the_connection() {
    let app = impatient().await;
    let secret = format!("X-Telegram-Bot-Api-Secret-Token: {SECRET}");
    let update = r#"{"update_id":1}"#;
    let ring = |headers: &str, body: &str| {
        format!("POST /telegram/webhook HTTP/1.1\r\nHost: a\r\n{secret}\r\n{headers}\r\n\r\n{body}{HIDDEN}")
    };
    let chunked = "f\r\n{\"update_id\":1}\r\n0\r\n\r\n";
    let length = format!("Content-Length: {}", update.len());
    for (name, bytes, expected) in [
        // Read as what they are: the hidden request is the next one.
        ("as Telegram sends it", ring(&length, update), &[200, 404][..]),
        ("a small body, refused", ring("Content-Length: 1", "x"), &[400, 404]),
        (
            "a body for GET",
            format!("GET /healthz HTTP/1.1\r\nHost: a\r\n{length}\r\n\r\n{update}{HIDDEN}"),
            &[200, 404],
        ),
        ("twice the same length", ring(&format!("{length}\r\n{length}"), update), &[200, 404]),
        ("the absolute form", ring(&length, update).replace("POST /", "POST http://b/"), &[200, 404]),
        ("Host twice", ring(&format!("{length}\r\nHost: b"), update), &[200, 404]),
        ("white space around a value", ring(&format!("X-A: \t b \t\r\n{length}"), update), &[200, 404]),
        ("bare line feeds", ring(&length, update).replace("\r\n", "\n"), &[200, 404]),
        ("an empty line first", format!("\r\n{}", ring(&length, update)), &[200, 404]),
        // Refused by the route, and the connection with it.
        ("length and chunks", ring(&format!("{length}\r\nTransfer-Encoding: chunked"), chunked), &[411]),
        ("chunks and length", ring(&format!("Transfer-Encoding: chunked\r\n{length}"), chunked), &[411]),
        ("length 0 and chunks", ring("Content-Length: 0\r\nTransfer-Encoding: chunked", chunked), &[411]),
        ("chunks without end", ring("Transfer-Encoding: chunked", &"f\r\n{\"update_id\":1}\r\n".repeat(9)), &[411]),
        ("a chunk's length that lies", ring("Transfer-Encoding: chunked", "fffffff\r\nx\r\n0\r\n\r\n"), &[411]),
        ("no chunk's length", ring("Transfer-Encoding: chunked", "zz\r\nx\r\n0\r\n\r\n"), &[411]),
        // Refused before there is a request.
        ("two lengths", ring("Content-Length: 15\r\nContent-Length: 16", update), &[400]),
        ("two lengths in one", ring("Content-Length: 15, 16", update), &[400]),
        ("a length with a sign", ring("Content-Length: +15", update), &[400]),
        ("a negative length", ring("Content-Length: -15", update), &[400]),
        ("a hexadecimal length", ring("Content-Length: 0xf", update), &[400]),
        ("a length beyond 64 bits", ring("Content-Length: 99999999999999999999", update), &[400]),
        ("unknown transfer encoding", ring("Transfer-Encoding: xchunked", chunked), &[400]),
        ("chunked, then another", ring("Transfer-Encoding: chunked, identity", chunked), &[400]),
        ("chunked behind a tab", ring("Transfer-Encoding:\tchunked", chunked), &[411]),
        ("white space before the colon", ring("Transfer-Encoding : chunked", chunked), &[400]),
        ("a folded header", ring(&format!("X-A: b\r\n c\r\n{length}"), update), &[400]),
        ("a line feed in a value", ring("X-A: b\rc", update), &[400]),
        ("a zero byte in a value", ring("X-A: b\0c", update), &[400]),
        ("no name", ring(": b", update), &[400]),
        ("no colon", ring("X-A", update), &[400]),
        ("HTTP/1.0 in chunks", ring("Transfer-Encoding: chunked", chunked).replacen("1.1", "1.0", 1), &[400]),
        ("HTTP/2 spoken outright", format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{HIDDEN}"), &[]),
        ("HTTP/3", format!("GET / HTTP/3.0\r\nHost: a\r\n\r\n{HIDDEN}"), &[400]),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), &[400]),
        ("a path of two words", format!("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n{HIDDEN}"), &[400]),
        ("no path", format!("GET HTTP/1.1\r\nHost: a\r\n\r\n{HIDDEN}"), &[400]),
        ("TLS", "\x16\x03\x01\x02\0\x01\0\x01\u{fc}\x03\x03".to_owned(), &[400]),
        ("a header of 64 KiB", ring(&format!("X-A: {}", "a".repeat(64 * 1024)), update), &[431]),
        ("a header without end", format!("GET / HTTP/1.1\r\nX-A: {}", "a".repeat(100_000)), &[431]),
        ("a thousand headers", ring(&"X-A: b\r\n".repeat(1000), update), &[431]),
        ("a path of 64 KiB", format!("GET /{} HTTP/1.1\r\n\r\n{HIDDEN}", "a".repeat(64 * 1024)), &[431]),
    ] {
        assert_eq!(statuses(&app, bytes.as_bytes()).await, expected, "{name}");
    }
    app.drain().await;
}

#[tokio::test]
async fn what_comes_in_single_bytes_is_read_as_if_it_came_at_once() {
    let app = TestApp::spawn().await;
    let mut wire = crate::harness::RawConnection::connect(app.addr).await;
    let body = r#"{"update_id":1}"#;
    let request = format!(
        "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for byte in request.as_bytes() {
        wire.send([*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(wire.answer().await.status, 200);
    app.drain().await;
}
