//! A slow body has all the time that it needs, and one that stands still has not.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::ManualClock;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

use super::harness::{Gateway, Options, assert_error, with_stand_in};
use super::upstream::{OK, Upstream};
use crate::harness::{RawConnection, waiting};

/// Ten minutes: every deadline of a connection is far shorter.
const SECONDS: usize = 600;

/// Moves the gateway's clock by one second. It checks all deadlines before it accepts a new connection, so an answer on a
/// new one shows that it has done so.
async fn second(gateway: &Gateway, clock: &ManualClock) {
    clock.advance(Duration::from_secs(1));
    assert_eq!(gateway.get("/").await.status, 404);
}

fn gateway_with_clock(upstream: &Upstream) -> (Gateway, ManualClock) {
    let clock = ManualClock::new(Timestamp::UNIX_EPOCH);
    (Options { clock: Arc::new(clock.clone()), ..Options::before(upstream) }.start(), clock)
}

#[tokio::test]
async fn an_upload_and_a_download_of_ten_minutes_are_not_cut_off() {
    let upstream = Upstream::start().await;
    let (gateway, clock) = gateway_with_clock(&upstream);
    let mut upload = RawConnection::connect(gateway.addr).await;
    let head = format!("POST /{{bot}}/sendDocument HTTP/1.1\r\nHost: a\r\nContent-Length: {SECONDS}\r\n\r\n");
    upload.send(with_stand_in(head.as_bytes())).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("a small buffer");
    let mut download = socket.connect(gateway.addr).await.expect("it listens");
    let request = b"GET /file/{bot}/large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    download.write_all(&with_stand_in(request)).await.expect("it reads");
    let (mut piece, mut read) = (vec![0; 16 * 1024], 0);
    for _ in 0..SECONDS {
        upload.send("a").await;
        read += download.read_exact(&mut piece).await.expect("it is not cut off");
        second(&gateway, &clock).await;
    }
    let answer = upload.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, OK));
    assert_eq!(upstream.only().body.len(), SECONDS);
    let mut rest = vec![0; 1024 * 1024];
    loop {
        match download.read(&mut rest).await.expect("it is not cut off") {
            0 => break,
            more => read += more,
        }
    }
    assert!(read > super::streams::LARGE, "the head and all of the body came: {read} bytes");
}

#[tokio::test]
async fn a_call_that_stands_still_is_answered_within_two_minutes() {
    let upstream = Upstream::start().await;
    let (gateway, clock) = gateway_with_clock(&upstream);
    let mut hanging = RawConnection::connect(gateway.addr).await;
    hanging.send(with_stand_in(b"GET /{bot}/hang HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    waiting::until("the call hangs", async || (upstream.seen().len() == 1).then_some(())).await;
    for _ in 0..121 {
        second(&gateway, &clock).await;
    }
    let answer = waiting::soon("an answer", hanging.answer()).await;
    assert_error(&answer, 502, "Bad Gateway: no answer of Telegram's could be read: nothing has moved for a minute");
    assert!(answer.body.contains("The call may have been carried out"), "{answer:?}");
}
