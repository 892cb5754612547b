//! The load: requests over keep-alive connections, one at a time on each.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use crate::peer::Message;
use crate::subject::SECRET;

/// Requests of one kind to one server.
#[derive(Clone)]
pub(crate) struct Load {
    port: u16,
    path: Rc<str>,
    is_update: bool,
}

/// A request of the open loop.
pub(crate) struct Sent {
    pub(crate) id: i64,
    /// When it was to be sent. A wait for a free connection counts as latency.
    pub(crate) due: Instant,
    pub(crate) answered: Instant,
}

thread_local! {
    /// The ids of all loads, because the service knows those that it has seen.
    static NEXT_ID: Cell<i64> = const { Cell::new(100_000_000) };
}

struct Connection {
    stream: TcpStream,
    message: Message,
}

impl Load {
    /// Updates of a thousand chats.
    pub(crate) fn updates(port: u16, path: &str) -> Self {
        Self { port, path: path.into(), is_update: true }
    }

    /// Calls that send a message.
    pub(crate) fn calls(port: u16, path: &str) -> Self {
        Self { port, path: path.into(), is_update: false }
    }

    /// Sends one request after another on each connection. Returns how many were answered with 200.
    pub(crate) async fn closed(&self, connections: usize, duration: Duration) -> u64 {
        let (end, mut tasks) = (Instant::now() + duration, JoinSet::new());
        for _ in 0..connections {
            let load = self.clone();
            tasks.spawn_local(async move {
                let (mut connection, mut answered) = (load.connect().await, 0);
                while Instant::now() < end {
                    load.send(&mut connection).await;
                    answered += 1;
                }
                answered
            });
        }
        tasks.join_all().await.into_iter().sum()
    }

    /// Sends requests at random moments, `rate` in a second on average, whether others are answered or not.
    pub(crate) async fn open(&self, rate: f64, duration: Duration) -> Vec<Sent> {
        let idle = Rc::<RefCell<Vec<Connection>>>::default();
        let (began, mut next, mut tasks) = (Instant::now(), Instant::now(), JoinSet::new());
        while next < began + duration {
            next += Duration::from_secs_f64(-(1.0 - rand::random::<f64>()).ln() / rate);
            sleep_until(next.into()).await;
            // The timer is exact to a millisecond only, which is not the latency of anything that is measured.
            let due = Instant::now();
            let (load, idle) = (self.clone(), Rc::clone(&idle));
            tasks.spawn_local(async move {
                let free = idle.borrow_mut().pop();
                let mut connection = match free {
                    Some(connection) => connection,
                    None => load.connect().await,
                };
                let id = load.send(&mut connection).await;
                let answered = Instant::now();
                idle.borrow_mut().push(connection);
                Sent { id, due, answered }
            });
        }
        tasks.join_all().await
    }

    async fn connect(&self) -> Connection {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a server");
        stream.set_nodelay(true).expect("a socket");
        Connection { stream, message: Message::default() }
    }

    /// Sends one request and waits for its 200. Returns its id.
    async fn send(&self, connection: &mut Connection) -> i64 {
        let id = NEXT_ID.get();
        NEXT_ID.set(id + 1);
        connection.stream.write_all(self.request(id).as_bytes()).await.expect("a connection");
        assert!(
            connection.message.read(&mut connection.stream).await.expect("a response"),
            "the connection was closed"
        );
        let head = connection.message.head();
        assert!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(head));
        id
    }

    fn request(&self, id: i64) -> String {
        let (path, chat) = (&self.path, id % 1_000 + 1);
        let body = if self.is_update {
            format!(
                r#"{{"update_id":{id},"message":{{"message_id":{id},"from":{{"id":{chat},"is_bot":false,"first_name":"Ann"}},"chat":{{"id":{chat},"first_name":"Ann","type":"private"}},"date":1790000000,"text":"good day"}}}}"#
            )
        } else {
            format!(r#"{{"chat_id":{chat},"text":"good day"}}"#)
        };
        format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nX-Telegram-Bot-Api-Secret-Token: \
             {SECRET}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }
}
