use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, SystemClock};

use super::harness::{Gateway, Options, assert_error, posted};
use super::upstream::Upstream;
use crate::harness::{Log, SteppedClock, waiting};

const CONFLICT: &str =
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

#[tokio::test]
async fn a_bot_that_polls_gets_telegrams_conflict_after_3_s_and_the_log_says_once_what_to_change() {
    let log = Log::capture();
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let began = SystemClock.steady();
    let request = "POST /{bot}/getUpdates HTTP/1.1\r\nHost: a\r\nUser-Agent: python-telegram-bot v22.8\r\n\
                   Content-Length: 0\r\n\r\n";
    let both = tokio::join!(gateway.ask(request), gateway.ask(request));
    for answer in [both.0, both.1] {
        assert_error(&answer, 409, CONFLICT);
    }
    // The shortest deadline of a library is 5 s.
    let took = doorbell::clock::elapsed(began, SystemClock.steady());
    assert!((Duration::from_secs(3)..Duration::from_secs(5)).contains(&took), "{took:?}");
    let lines = log.lines("polls for updates");
    assert!(lines.len() == 1 && lines[0].contains("replace run_polling by run_webhook"), "{lines:?}");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn no_spelling_of_the_method_that_polls_passes() {
    let upstream = Upstream::start().await;
    let clock = SteppedClock::new();
    let gateway = Options { clock: Arc::new(clock.clone()), ..Options::before(&upstream) }.start();
    let requests = [
        "/{bot}/getupdates",
        "/{bot}/GETUPDATES",
        "/{bot}/%67etUpdates",
        "/{bot}/test/getUpdates",
        "/{bot}/test%2fgetUpdates",
        "/{bot}/?method=getUpdates",
        "/{bot}?method=GetUpdates",
        "/{bot}/test?method=getUpdates",
        "/{bot}/getUpdates?method=getMe",
    ];
    for path in requests {
        assert_conflict(&gateway, &clock, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    }
    for body in [r#"{"method":"getUpdates"}"#, r#"{"method":"GETUPDATES""#] {
        assert_conflict(&gateway, &clock, &posted("/{bot}/", "application/json", body)).await;
    }
    for path in [
        "/{bot}/x/../getUpdates",
        "/{bot}/./getUpdates",
        "/{bot}//getUpdates",
        "/{bot}/x/%2e%2e/getUpdates",
        "/{bot}/getUpdates/",
        "/{bot}/getUpdates%20",
        "/{bot}/testgetUpdates",
        "/{bot}/%2567etUpdates",
    ] {
        assert_error(&gateway.get(path).await, 404, "Not Found");
    }
    assert_error(&gateway.get("/file/{bot}/../../{bot}/getUpdates").await, 400, "Bad Request");
    assert!(upstream.seen().is_empty());
}

/// The request waits for the clock, and then gets the conflict.
async fn assert_conflict(gateway: &Gateway, clock: &SteppedClock, request: &str) {
    let advancing = async {
        loop {
            tokio::time::sleep(Duration::from_millis(2)).await;
            clock.manual.advance(Duration::from_millis(500));
        }
    };
    let answer = tokio::select! {
        answer = waiting::soon(request, gateway.ask(request)) => answer,
        () = advancing => unreachable!("it has no end"),
    };
    assert_error(&answer, 409, CONFLICT);
}
