//! Large bodies pass without being held in memory, and a slow peer delays only itself.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::harness::{Gateway, with_stand_in};
use super::process::GatewayProcess;
use super::upstream::{OK, Upstream};
use crate::harness::{RawConnection, print_line, waiting};

/// The largest upload at Telegram.
pub const LARGE: usize = 50 * 1024 * 1024;

/// A stream of bytes in which each position has its own content: a block whose length is prime, again and again.
pub struct Pattern {
    block: Bytes,
    at: usize,
}

impl Default for Pattern {
    fn default() -> Self {
        // A linear congruential generator.
        let next = |seed: &mut u32| {
            *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(seed.to_be_bytes()[0])
        };
        let mut seed = 7;
        Self { block: std::iter::from_fn(|| next(&mut seed)).take(65_521).collect::<Vec<u8>>().into(), at: 0 }
    }
}

impl Pattern {
    /// The next piece of at most this many bytes.
    fn next(&mut self, most: usize) -> Bytes {
        let start = self.at % self.block.len();
        let piece = self.block.slice(start..self.block.len().min(start + most.min(LARGE - self.at)));
        self.at += piece.len();
        piece
    }

    /// Whether these bytes come next.
    fn comes(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let piece = self.next(bytes.len());
            if piece.is_empty() || bytes[..piece.len()] != piece {
                return false;
            }
            bytes = &bytes[piece.len()..];
        }
        true
    }

    /// The length of a body, if it is the pattern.
    pub async fn matches(mut self, mut body: Body) -> Option<usize> {
        while let Some(frame) = body.frame().await {
            if !self.comes(&frame.ok()?.into_data().ok()?) {
                return None;
            }
        }
        Some(self.at)
    }

    /// The whole pattern as a response.
    pub fn response(self) -> Response {
        let mut response = Body::new(self).into_response();
        response.headers_mut().insert(CONTENT_LENGTH, LARGE.into());
        response
    }
}

impl HttpBody for Pattern {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = self.next(usize::MAX);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }
}

/// Sends 50 MB and reads the answer.
async fn upload(stream: &mut TcpStream, chunked: bool) -> String {
    let framing = if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {LARGE}") };
    let head = format!("POST /{{bot}}/upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{framing}\r\n\r\n");
    stream.write_all(&with_stand_in(head.as_bytes())).await.expect("it reads");
    let mut pattern = Pattern::default();
    loop {
        let piece = pattern.next(usize::MAX);
        if chunked {
            stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await.expect("it reads");
        }
        stream.write_all(&piece).await.expect("it reads");
        if chunked {
            stream.write_all(b"\r\n").await.expect("it reads");
        }
        if piece.is_empty() {
            break;
        }
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer
}

/// Reads 50 MB and compares them.
async fn download(stream: &mut TcpStream) -> Option<usize> {
    let request = b"GET /file/{bot}/large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    stream.write_all(&with_stand_in(request)).await.expect("it reads");
    let (mut pattern, mut read) = (Pattern::default(), Vec::with_capacity(256 * 1024));
    let mut head = true;
    while stream.read_buf(&mut read).await.expect("it answers") > 0 {
        if head {
            let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
            read.drain(..end + 4);
            head = false;
        }
        if !pattern.comes(&read) {
            return None;
        }
        read.clear();
    }
    Some(pattern.at)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_and_downloads_of_50_mb_are_equal_and_need_less_than_8_mb_of_memory() {
    let upstream = Upstream::start().await;
    let gateway = GatewayProcess::start(&upstream).await;
    let connect = async || TcpStream::connect(gateway.addr).await.expect("it listens");
    let small = gateway.resident();
    let mut most = small;
    for chunked in [false, true] {
        let mut stream = connect().await;
        let answer = gateway.measured(upload(&mut stream, chunked), &mut most).await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(OK), "{answer}");
        assert_eq!(upstream.uploaded(), Some(LARGE), "chunked: {chunked}");
    }
    let mut stream = connect().await;
    assert_eq!(gateway.measured(download(&mut stream), &mut most).await, Some(LARGE));
    let grown = most - small;
    print_line(&format!("150 MB passed; the gateway's memory grew by {} KiB", grown / 1024));
    assert!(grown < 8 * 1024 * 1024, "it grew by {grown} bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_peers_on_either_side_delay_nobody_else() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut slow = Vec::new();
    for _ in 0..20 {
        // An upload that stops, a download that nobody reads, and a call that Telegram does not answer.
        let mut uploading = RawConnection::connect(gateway.addr).await;
        let head = "POST /{bot}/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\n";
        uploading.send(with_stand_in(head.as_bytes())).await;
        uploading.send(&Pattern::default().next(1000)).await;
        let mut downloading = RawConnection::with_small_buffer(gateway.addr).await;
        downloading.send(with_stand_in(b"GET /file/{bot}/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        let mut waiting = RawConnection::connect(gateway.addr).await;
        waiting.send(with_stand_in(b"GET /{bot}/hang HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        slow.extend([uploading, downloading, waiting]);
    }
    waiting::until("the calls hang", async || (upstream.seen().len() == 20).then_some(())).await;
    let calls = async {
        for _ in 0..50 {
            assert_eq!(gateway.get("/{bot}/getMe").await.body, OK);
        }
    };
    tokio::time::timeout(Duration::from_secs(10), calls).await.expect("50 calls take less than 10 s");
    upstream.release();
    for connection in slow.iter_mut().skip(2).step_by(3) {
        assert_eq!(connection.answer().await.body, OK);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_telegram_refuses_early_gets_its_refusal() {
    let upstream = Upstream::start().await;
    let gateway = Gateway::before(&upstream);
    let mut wire = RawConnection::connect(gateway.addr).await;
    let head = "POST /{bot}/refuseUpload HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n\r\n";
    wire.send(with_stand_in(head.as_bytes())).await;
    wire.send(&Pattern::default().next(1000)).await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert_eq!(answer.json()["error_code"], 413);
}
