//! Slow clients, too many clients, and the end: who takes long is put out in time, and nobody else
//! notices.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::ManualClock;
use doorbell::server::Limits;
use jiff::Timestamp;

use crate::harness::{RawConnection, SECRET, TestApp, TestAppBuilder, message};

const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";

/// Lets a second pass for the service. Whoever is answered on a new connection afterwards knows
/// that the service has looked over the others: it does so before it takes one.
async fn second(app: &TestApp, clock: &ManualClock) {
    clock.advance(Duration::from_secs(1));
    let mut wire = RawConnection::connect(app.addr).await;
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.status, 200);
}

async fn healthy(wire: &mut RawConnection) {
    wire.send(HEALTH).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn slow_connections_of_five_kinds_end_within_20_s_and_an_idle_one_lives_for_120() {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    let app = TestAppBuilder { clock: Arc::new(clock.clone()), ..TestAppBuilder::default() }.start().await;
    let mut idle = RawConnection::connect(app.addr).await;
    healthy(&mut idle).await;
    let body = format!(
        "POST /telegram/webhook HTTP/1.1\r\nHost: a\r\nX-Telegram-Bot-Api-Secret-Token: {SECRET}\r\n\
         Content-Length: 1000\r\n\r\n{{"
    );
    let mut slow = Vec::new();
    for said in ["", "POST /telegram/webhook HTTP/1.1\r\nHo", "PRI * HTTP/2.0\r\n\r\nSM", &body] {
        for _ in 0..20 {
            let mut wire = RawConnection::connect(app.addr).await;
            wire.send(said).await;
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
        // A head that comes in drops has no more time than one that does not come.
        for wire in slow.iter_mut().skip(20).step_by(2).take(20) {
            wire.send("x").await;
        }
        assert_eq!(app.deliver(&message(passed, 7, "meanwhile")).await.status, 200);
        second(&app, &clock).await;
    }
    for wire in &mut slow {
        let heard = wire.closed().await;
        assert!(heard.is_empty() || heard.starts_with("HTTP/1.1 4"), "{heard}");
    }
    for reader in &mut readers {
        reader.closed().await;
    }
    for _ in 20..120 {
        second(&app, &clock).await;
    }
    healthy(&mut idle).await;
    for _ in 0..122 {
        second(&app, &clock).await;
    }
    assert_eq!(idle.closed().await, "");
    app.drain().await;
}

#[tokio::test]
async fn at_the_cap_newcomers_are_answered_and_the_silent_make_room() {
    let limits = Limits { connections: 10, ..Limits::default() };
    let app = TestAppBuilder { limits, ..TestAppBuilder::default() }.start().await;
    let mut proven = RawConnection::connect(app.addr).await;
    healthy(&mut proven).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(RawConnection::connect(app.addr).await);
    }
    let mut newcomer = RawConnection::connect(app.addr).await;
    healthy(&mut newcomer).await;
    healthy(&mut proven).await;
    for wire in &mut silent[..50 - 10] {
        assert_eq!(wire.closed().await, "", "the oldest of the silent make room");
    }
    let youngest = silent.last_mut().expect("there are some");
    healthy(youngest).await;
}

#[tokio::test]
async fn a_connection_is_kept_and_its_last_answer_says_that_it_is_the_last() {
    let mut app = TestApp::spawn().await;
    let mut busy = RawConnection::connect(app.addr).await;
    let (mut idle, mut used) = (RawConnection::connect(app.addr).await, RawConnection::connect(app.addr).await);
    healthy(&mut idle).await;
    healthy(&mut used).await;
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
    // The head is here before the service is told to stop, for another connection is answered after it.
    busy.send(&head).await;
    healthy(&mut idle).await;
    app.shutdown.soft.cancel();
    busy.send(&body).await;
    // An idle connection is still open, and whoever writes to it loses nothing.
    used.send([&head, body.as_str()].concat()).await;
    for wire in [&mut busy, &mut used] {
        let last = wire.answer().await;
        assert!(last.status == 200 && last.headers.contains("connection: close"), "{last:?}");
        assert_eq!(wire.closed().await, "");
    }
    assert_eq!(idle.closed().await, "", "a connection that stays idle is closed");
    app.stop_by_itself().await.expect("it stops well");
}
