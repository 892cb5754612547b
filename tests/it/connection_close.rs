//! A response to a request whose body was not read says `Connection: close` and ends the connection. After every other
//! response the connection accepts the next request.

use std::future::pending;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use tokio::time::{Duration, timeout};

use crate::harness::{Answer, RawConnection, SECRET, TestApp, TestAppBuilder, handler_fn, message};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
const UPDATE: &str = r#"{"update_id":1}"#;

/// What happens to the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Closes,
    Stays,
}
use Then::{Closes, Stays};

fn post(secret: &str, headers: &str) -> String {
    format!(
        "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {secret}\r\n{headers}\r\n\r\n"
    )
}

fn sized(length: usize) -> String {
    format!("Content-Length: {length}")
}

/// Sends a request, reads the response, and tries the connection with another request.
async fn outcome(app: &TestApp, request: &str, body: &str) -> (Answer, Then) {
    let mut wire = RawConnection::connect(app.addr).await;
    wire.send([request, body].concat()).await;
    let answer = wire.answer().await;
    (answer, tried(&mut wire).await)
}

/// Whether the connection accepts another request.
async fn tried(wire: &mut RawConnection) -> Then {
    wire.send(HEALTH).await;
    let rest = timeout(Duration::from_millis(500), wire.read_some()).await;
    match rest.expect("the connection is used or closed") {
        bytes if bytes.is_empty() => Closes,
        bytes => {
            assert!(bytes.starts_with("HTTP/1.1 200"), "{bytes}");
            Stays
        }
    }
}

fn assert_outcome(name: &str, (answer, then): &(Answer, Then), status: u16, expected: Then) {
    let says_close = answer.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    assert_eq!((answer.status, *then, says_close), (status, expected, expected == Closes), "{name}: {answer:?}");
}

#[tokio::test]
async fn a_response_to_an_unread_body_says_close_and_every_other_keeps_the_connection() {
    let app = TestApp::spawn().await;
    let large = "x".repeat(100_000);
    let chunks = "f\r\n{\"update_id\":1}\r\n0\r\n\r\n";
    let chunked = "Transfer-Encoding: chunked";
    for (name, request, body, status, then) in [
        ("an update", post(SECRET, &sized(15)), UPDATE, 200, Stays),
        ("known", post(SECRET, &sized(15)), UPDATE, 200, Stays),
        ("no update", post(SECRET, &sized(1)), "x", 400, Stays),
        ("no update, and large", post(SECRET, &sized(100_000)), &large, 400, Stays),
        ("an empty body", post(SECRET, "Content-Length: 0"), "", 400, Stays),
        ("no length and no body", post(SECRET, "X-A: b"), "", 411, Stays),
        ("a wrong secret and no body", post("wrong", "Content-Length: 0"), "", 401, Stays),
        ("a wrong secret and a short body", post("wrong", &sized(15)), UPDATE, 401, Stays),
        ("a wrong secret and a large body", post("wrong", &sized(100_000)), &large, 401, Closes),
        ("a wrong secret, the body not there yet", post("wrong", &sized(15)), "", 401, Closes),
        ("a wrong secret in chunks", post("wrong", chunked), chunks, 401, Closes),
        ("in chunks", post(SECRET, chunked), chunks, 411, Closes),
        ("too large", post(SECRET, &sized(2_000_000)), "x", 413, Closes),
        ("compressed", post(SECRET, &format!("{}\r\nContent-Encoding: gzip", sized(15))), UPDATE, 415, Stays),
        ("asks first", post(SECRET, &format!("{}\r\nExpect: 100-continue", sized(15))), "", 417, Closes),
        ("asks first, and sends", post(SECRET, &format!("{}\r\nExpect: 100-continue", sized(15))), UPDATE, 417, Closes),
        ("asks first for nothing", post(SECRET, "Content-Length: 0\r\nExpect: 100-continue"), "", 417, Stays),
        ("GET", "GET /telegram/webhook HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(), "", 405, Stays),
        ("PUT with a short body", post(SECRET, &sized(15)).replace("POST", "PUT"), UPDATE, 405, Stays),
        ("another path", post(SECRET, &sized(15)).replace("/telegram", "/"), UPDATE, 404, Stays),
        ("another path, a large body", post(SECRET, &sized(100_000)).replace("/telegram", "/"), &large, 404, Closes),
        ("another path, in chunks", post(SECRET, chunked).replace("/telegram", "/"), chunks, 404, Closes),
        ("health", HEALTH.to_owned(), "", 200, Stays),
        ("health, asked with a body", HEALTH.replace("a\r\n", &format!("a\r\n{}\r\n", sized(15))), UPDATE, 200, Stays),
        ("POST to health", HEALTH.replace("GET", "POST"), "", 405, Stays),
        ("no HTTP", "\x16\x03\x01\r\n\r\n".to_owned(), "", 400, Closes),
        ("a head without end", format!("GET / HTTP/1.1\r\nX-A: {large}"), "", 431, Closes),
    ] {
        assert_outcome(name, &outcome(&app, &request, body).await, status, then);
    }
    for path in ["/", "/healthz", "/readyz"] {
        let mut wire = RawConnection::connect(app.addr).await;
        wire.send(format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n{HEALTH}")).await;
        let both = timeout(Duration::from_secs(5), async {
            let mut received = String::new();
            while received.matches("HTTP/1.1 ").count() < 2 {
                received += &wire.read_some().await;
            }
            received
        });
        let both = both.await.expect("two answers on one connection");
        assert!(both.starts_with("HTTP/1.1 200") && both.matches("HTTP/1.1 200").count() == 2, "{path}: {both}");
    }
    app.drain().await;
}

#[tokio::test]
async fn a_body_that_ends_early_or_comes_too_late_ends_the_connection_and_the_response_says_so() {
    let clock = ManualClock::new(SystemClock.now());
    let app = TestAppBuilder::default().with_clock(&clock).start().await;
    let mut early = RawConnection::connect(app.addr).await;
    early.send(post(SECRET, &sized(15)) + "{").await;
    early.end().await;
    let answer = early.answer().await;
    assert_outcome("broken off", &(answer, tried(&mut early).await), 400, Closes);

    let mut late = RawConnection::connect(app.addr).await;
    late.send(post(SECRET, &sized(15)) + "{").await;
    // A later connection is answered only after the head above was read.
    let mut other = RawConnection::connect(app.addr).await;
    other.send(HEALTH).await;
    assert_eq!(other.answer().await.status, 200);
    let answer = async {
        loop {
            clock.advance(Duration::from_secs(1));
            if let Ok(answer) = timeout(Duration::from_millis(20), late.answer()).await {
                return answer;
            }
        }
    };
    let answer = timeout(Duration::from_secs(20), answer).await.expect("an answer");
    assert_outcome("too slow", &(answer, tried(&mut late).await), 408, Closes);
}

#[tokio::test]
async fn an_overloaded_service_closes_the_connection_and_a_full_inbox_keeps_it() {
    let mut app =
        TestAppBuilder::default().with("inbox.capacity", 1).with_handler(handler_fn(|_| pending())).start().await;
    app.allow_unfinished_work = true;
    assert_eq!(app.deliver(&message(1, 7, "one")).await.status, 200);
    let other = message(2, 8, "two").to_string();
    let full = outcome(&app, &post(SECRET, &sized(other.len())), &other).await;
    assert_outcome("full", &full, 503, Stays);
    let mut holding = Vec::new();
    // The budget for bodies is 32 MiB. Each of these requests reserves 1 MiB.
    for _ in 0..32 {
        let mut wire = RawConnection::connect(app.addr).await;
        wire.send(post(SECRET, &sized(1024 * 1024)) + "{").await;
        holding.push(wire);
    }
    let large = "x".repeat(100_000);
    let overloaded = async {
        loop {
            let refused = outcome(&app, &post(SECRET, &sized(large.len())), &large).await;
            if refused.1 == Closes {
                return refused;
            }
        }
    };
    let overloaded = timeout(Duration::from_secs(20), overloaded).await.expect("no memory is left for a body");
    assert_outcome("overloaded", &overloaded, 503, Closes);
    let overloaded_short = outcome(&app, &post(SECRET, &sized(other.len())), &other).await;
    assert_outcome("overloaded, a short body", &overloaded_short, 503, Stays);
    assert!(overloaded_short.0.body.contains("Too many updates are arriving"), "{overloaded_short:?}");
    assert_eq!(overloaded.0.header("retry-after"), Some("1"));
    assert_eq!(full.0.header("retry-after"), Some("1"));
}
