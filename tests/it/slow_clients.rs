//! Slow clients, too many clients, and a stop: a slow connection is closed in time, and other clients do not notice.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::ManualClock;
use doorbell::http::listener::Limits;
use jiff::Timestamp;

use crate::harness::{RawConnection, SECRET, TestApp, TestAppBuilder, message};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// Moves the service's clock by one second. The service checks all deadlines before it accepts a new connection, so a
/// response on a new one shows that it has done so.
async fn second(app: &TestApp, clock: &ManualClock) {
    clock.advance(Duration::from_secs(1));
    let mut wire = RawConnection::connect(app.addr).await;
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.status, 200);
}

async fn check_health(wire: &mut RawConnection) {
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn slow_connections_of_five_kinds_end_within_20_s_and_an_idle_one_lives_for_120() {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let app = TestAppBuilder { clock: Arc::new(clock.clone()), ..TestAppBuilder::default() }.start().await;
    let mut idle = RawConnection::connect(app.addr).await;
    check_health(&mut idle).await;
    let body = format!(
        "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    let mut slow = Vec::new();
    for sent in ["", "POST /telegram/webhook HTTP/1.1\r\nHo", "PRI * HTTP/2.0\r\n\r\nSM", &body] {
        for _ in 0..20 {
            let mut wire = RawConnection::connect(app.addr).await;
            wire.send(sent).await;
            slow.push(wire);
        }
    }
    let mut readers = Vec::new();
    for _ in 0..2 {
        let mut reader = RawConnection::with_small_buffer(app.addr).await;
        reader.fill_send_buffer(HEALTH.repeat(100).as_bytes()).await;
        readers.push(reader);
    }
    for passed in 0..20 {
        // A head that arrives slowly has no more time than one that does not arrive.
        for wire in slow.iter_mut().skip(20).step_by(2).take(20) {
            wire.send("x").await;
        }
        assert_eq!(app.deliver(&message(passed, 7, "meanwhile")).await.status, 200);
        second(&app, &clock).await;
    }
    for wire in &mut slow {
        let received = wire.closed().await;
        assert!(received.is_empty() || received.starts_with("HTTP/1.1 4"), "{received}");
    }
    for reader in &mut readers {
        reader.closed().await;
    }
    for _ in 20..120 {
        second(&app, &clock).await;
    }
    check_health(&mut idle).await;
    for _ in 0..122 {
        second(&app, &clock).await;
    }
    assert_eq!(idle.closed().await, "");
    app.drain().await;
}

#[tokio::test]
async fn at_the_limit_new_connections_are_answered_and_silent_ones_are_closed() {
    let limits = Limits { connections: 10, ..Limits::default() };
    let app = TestAppBuilder { limits, ..TestAppBuilder::default() }.start().await;
    let mut proven = RawConnection::connect(app.addr).await;
    check_health(&mut proven).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(RawConnection::connect(app.addr).await);
    }
    let mut new = RawConnection::connect(app.addr).await;
    check_health(&mut new).await;
    check_health(&mut proven).await;
    for wire in &mut silent[..50 - 10] {
        assert_eq!(wire.closed().await, "", "the oldest silent connections are closed");
    }
    let youngest = silent.last_mut().expect("there are some");
    check_health(youngest).await;
}

#[tokio::test]
async fn a_connection_is_kept_and_its_last_response_says_close() {
    let mut app = TestApp::spawn().await;
    let mut busy = RawConnection::connect(app.addr).await;
    let (mut idle, mut used) = (RawConnection::connect(app.addr).await, RawConnection::connect(app.addr).await);
    check_health(&mut idle).await;
    check_health(&mut used).await;
    let body = message(1, 7, "hello").to_string();
    let head = format!(
        "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    for _ in 0..3 {
        busy.send([&head, body.as_str()].concat()).await;
        let answer = busy.answer().await;
        assert!(answer.status == 200 && !answer.headers.contains("connection:"), "{answer:?}");
    }
    app.drain().await;
    // The head has arrived before the stop, because another connection is answered after it.
    busy.send(&head).await;
    check_health(&mut idle).await;
    app.shutdown.soft.cancel();
    busy.send(&body).await;
    // An idle connection is still open, and a request on it is answered.
    used.send([&head, body.as_str()].concat()).await;
    for wire in [&mut busy, &mut used] {
        let last = wire.answer().await;
        assert!(last.status == 200 && last.headers.contains("connection: close"), "{last:?}");
        assert_eq!(wire.closed().await, "");
    }
    assert_eq!(idle.closed().await, "", "a connection that stays idle is closed");
    app.stop_by_itself().await.expect("it stops without an error");
}
