//! A bare HTTP server: the bot, and the Bot API. It answers each request with the same few bytes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{\"ok\":true,\"result\":true}";

/// How long requests may take to arrive before the benchmark gives up.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Peer {
    pub(crate) port: u16,
    seen: Rc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Cell<u64>,
    watching: Cell<bool>,
    arrivals: RefCell<HashMap<i64, Instant>>,
}

impl Peer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Rc::<Seen>::default();
        let peer = Self { port, seen: Rc::clone(&seen) };
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, Rc::clone(&seen)));
            }
        });
        peer
    }

    /// How many requests have arrived.
    pub(crate) fn requests(&self) -> u64 {
        self.seen.requests.get()
    }

    /// Waits until this many requests have arrived.
    pub(crate) async fn reach(&self, requests: u64) {
        let began = Instant::now();
        while self.requests() < requests {
            assert!(began.elapsed() < PATIENCE, "{} of {requests} requests have arrived", self.requests());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Notes when each update arrives from now on.
    pub(crate) fn watch(&self) {
        self.seen.watching.set(true);
    }

    /// When each update arrived, by its id.
    pub(crate) fn arrivals(&self) -> HashMap<i64, Instant> {
        self.seen.watching.set(false);
        self.seen.arrivals.take()
    }
}

async fn serve(mut stream: TcpStream, seen: Rc<Seen>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = Message::default();
    while message.read(&mut stream).await? {
        if seen.watching.get() {
            let now = Instant::now();
            seen.arrivals.borrow_mut().entry(update_id(message.body())).or_insert(now);
        }
        stream.write_all(RESPONSE).await?;
        seen.requests.set(seen.requests.get() + 1);
    }
    Ok(())
}

/// The number after `"update_id":`.
fn update_id(body: &[u8]) -> i64 {
    let digits = body.iter().skip_while(|byte| !byte.is_ascii_digit()).take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |id, digit| id * 10 + i64::from(digit - b'0'))
}

/// One message of HTTP/1.1 with a length, a request or a response.
#[derive(Default)]
pub(crate) struct Message {
    buffer: Vec<u8>,
    head: usize,
    end: usize,
}

impl Message {
    /// Reads the next message in place of this one. `false` if the connection was closed before it.
    pub(crate) async fn read(&mut self, stream: &mut TcpStream) -> io::Result<bool> {
        self.buffer.drain(..self.end);
        (self.head, self.end) = (0, 0);
        loop {
            if let Some(head) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                self.head = head + 4;
                let end = self.head + self.length();
                if self.buffer.len() >= end {
                    self.end = end;
                    return Ok(true);
                }
            }
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(false);
            }
        }
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.buffer[..self.head]
    }

    fn body(&self) -> &[u8] {
        &self.buffer[self.head..self.end]
    }

    fn length(&self) -> usize {
        const NAME: &[u8] = b"\r\ncontent-length: ";
        let head = self.head();
        let at = head.windows(NAME.len()).position(|bytes| bytes.eq_ignore_ascii_case(NAME));
        let digits = at.map_or(&[][..], |at| &head[at + NAME.len()..]).iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |length, digit| length * 10 + usize::from(digit - b'0'))
    }
}
