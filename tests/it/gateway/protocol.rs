//! Errors of the protocol are JSON too.

use super::harness::{Gateway, assert_error, posted};
use super::upstream::{OK, Upstream};
use crate::harness::{RawConnection, raw};

#[tokio::test]
async fn a_head_that_cannot_be_read_gets_telegrams_json() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let long_url = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(70_000));
    let long_head = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(300_000));
    let many_headers = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    for (request, code, begins) in [
        (long_url.as_str(), 414, "Request-URI Too Long"),
        (&long_head, 431, "Request Header Fields Too Large"),
        (&many_headers, 431, "Request Header Fields Too Large"),
        ("GET /{bot}/getMe HTTP/1.1\r\nbroken\r\n\r\n", 400, "Bad Request"),
        ("\u{1}\r\n\r\n", 400, "Bad Request"),
    ] {
        let answer = raw(gateway.addr, request.as_bytes()).await;
        assert_error(&answer, code, begins);
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_error_of_the_protocol_after_an_answer_leaves_the_answer_whole() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut wire = RawConnection::connect(gateway.addr).await;
    let answer = gateway.ask_on(&mut wire, posted("/{bot}/sendMessage", "application/json", "{}")).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, OK));
    wire.send("broken\r\n\r\n").await;
    assert_error(&wire.answer().await, 400, "Bad Request");
}

#[tokio::test]
async fn an_unknown_path_gets_404_in_telegrams_form() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    for path in ["/", "/x", "/bo", "/healthz", "/telegram/webhook", "*"] {
        assert_error(&gateway.get(path).await, 404, "Not Found");
    }
}
