//! A bot over raw TCP: it records each request byte for byte and answers what the test says.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::harness::waiting;

/// A request that the bot has received.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
    pub(super) at: Instant,
}

impl Received {
    pub(super) fn update_id(&self) -> i64 {
        let update: serde_json::Value = serde_json::from_slice(&self.body).expect("an update");
        update["update_id"].as_i64().expect("an id")
    }

    /// The value of a header, whose name is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (header, value) = line.split_once(": ")?;
            header.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// What the bot does with a request.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// It sends these bytes and keeps the connection.
    Answer(Vec<u8>),
    /// It answers nothing.
    Hang,
    /// It sends these bytes, and then its process ends.
    Crash(Vec<u8>),
    /// It answers after this time.
    Later(Duration, Vec<u8>),
}

/// An answer without a body.
pub(super) fn status(code: u16) -> Act {
    answer(code, "", "")
}

/// An answer with more header lines and a body.
pub(super) fn answer(code: u16, headers: &str, body: &str) -> Act {
    Act::Answer(
        format!("HTTP/1.1 {code} Whatever\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes(),
    )
}

type Behaviour = dyn Fn(&Received) -> Act + Send + Sync;

/// What all processes of the bot have received.
#[derive(Default)]
struct Seen {
    requests: Mutex<Vec<Received>>,
    connections: Mutex<usize>,
    /// Whether the process has ended by itself.
    crashes: watch::Sender<usize>,
}

/// The bot. Its port stays the same when its process ends and starts again.
pub(super) struct Bot {
    pub(super) addr: SocketAddr,
    seen: Arc<Seen>,
    behaviour: Arc<Behaviour>,
    process: Mutex<Option<JoinHandle<()>>>,
}

impl Bot {
    /// Starts a bot.
    pub(super) async fn start(behaviour: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Arc<Self> {
        let bot = Self::not_started(behaviour).await;
        bot.run().await;
        bot
    }

    /// A bot that has a port and does not listen on it yet.
    pub(super) async fn not_started(behaviour: impl Fn(&Received) -> Act + Send + Sync + 'static) -> Arc<Self> {
        let addr =
            TcpListener::bind(("127.0.0.1", 0)).await.and_then(|it| it.local_addr()).expect("a free port is free");
        let (seen, behaviour) = (Arc::default(), Arc::new(behaviour));
        Arc::new(Self { addr, seen, behaviour, process: Mutex::default() })
    }

    /// Starts the process of the bot.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(super) async fn run(&self) {
        let listener = TcpListener::bind(self.addr).await.expect("the port is free");
        let (seen, behaviour) = (Arc::clone(&self.seen), Arc::clone(&self.behaviour));
        let process = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let Ok((stream, _)) = accepted else { return };
                        *seen.connections.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                        connections.spawn(serve(stream, Arc::clone(&seen), Arc::clone(&behaviour)));
                    }
                    Some(ended) = connections.join_next() => {
                        if matches!(ended, Ok(true)) {
                            // Dropping the connections cuts them.
                            drop((connections, listener));
                            seen.crashes.send_modify(|crashes| *crashes += 1);
                            return;
                        }
                    }
                }
            }
        });
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
    }

    /// Ends the process of the bot, as `kill -9` does.
    pub(super) async fn stop(&self) {
        let process = self.process.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(process) = process {
            process.abort();
            let _ = process.await;
        }
    }

    /// Starts the process again each time it has ended by itself, as a platform does. Returns how often it will have.
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    pub(super) fn restart_after_crashes(self: &Arc<Self>) -> watch::Receiver<usize> {
        let (bot, mut crashes) = (Arc::clone(self), self.seen.crashes.subscribe());
        tokio::spawn(async move {
            while crashes.changed().await.is_ok() {
                bot.run().await;
            }
        });
        self.seen.crashes.subscribe()
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.seen.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn connections(&self) -> usize {
        *self.seen.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the bot has received this many requests.
    pub(super) async fn received(&self, number: usize) -> Vec<Received> {
        waiting::until(&format!("{number} requests"), async || {
            let requests = self.requests();
            (requests.len() >= number).then_some(requests)
        })
        .await
    }
}

/// Serves a connection. Returns whether the process ends.
async fn serve(mut stream: TcpStream, seen: Arc<Seen>, behaviour: Arc<Behaviour>) -> bool {
    let mut read = Vec::new();
    loop {
        let Some(request) = next_request(&mut stream, &mut read).await else { return false };
        let act = behaviour(&request);
        seen.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        let answer = match act {
            Act::Answer(answer) => answer,
            Act::Later(wait, answer) => {
                tokio::time::sleep(wait).await;
                answer
            }
            Act::Hang => std::future::pending().await,
            Act::Crash(answer) => {
                let _ = stream.write_all(&answer).await;
                return true;
            }
        };
        if stream.write_all(&answer).await.is_err() {
            return false;
        }
    }
}

async fn next_request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<Received> {
    loop {
        if let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            let head = String::from_utf8(read[..end].to_vec()).expect("the head is text");
            let length: usize = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .expect("each request has a length");
            if read.len() >= end + 4 + length {
                let body = read[end + 4..end + 4 + length].to_vec();
                read.drain(..end + 4 + length);
                return Some(Received { head, body, at: Instant::now() });
            }
        }
        if stream.read_buf(read).await.ok()? == 0 {
            return None;
        }
    }
}
