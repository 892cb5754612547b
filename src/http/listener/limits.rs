use std::time::Duration;

use http::StatusCode;

/// The most connections, and the deadline of each thing that a connection can do.
///
/// They are no settings: each number follows from what Telegram and the platforms do. Tests use smaller ones.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections at once. Telegram opens 100 at most, and a platform's edge some more. A process often has
    /// 1,024 descriptors; the others are left to the inbox and to calls of the Bot API. Beyond the limit, the
    /// connection that has been silent for longest is closed, so a health check is always answered.
    pub connections: usize,
    /// From the start of the connection, or from the first byte of a later request, to the end of the request's head.
    pub head: Duration,
    /// From the end of the head to the response. Telegram itself gives up after 60 s.
    pub work: Duration,
    /// From the first moment at which the client reads nothing more to the end of the response.
    pub answer: Duration,
    /// Without a request, on a connection that has had one. Telegram closes its idle connections after 60 s, and
    /// Render's edge later. The side that closes first loses requests, so it must not be this one.
    pub idle: Duration,
    /// For the client to read a last response before data that it still sends resets the connection.
    pub linger: Duration,
    /// After the soft stop, idle connections stay open and new ones are accepted for this long. Telegram still writes
    /// to them, and counts a request on a connection that was just closed as failed. A response that says
    /// `Connection: close` moves it to another connection without a failure.
    pub farewell: Duration,
    /// The longest head of a request in bytes; a longer one is answered with 431. All headers of Telegram's fit into
    /// 4 KiB, and a platform's edge adds its own.
    pub longest_head: usize,
    /// Whether bodies are streamed. Then `work` and `answer` begin again with each piece that passes, so they bound a
    /// standstill and not the whole; a response counts as work until its body has ended; and each request has
    /// a [`ConnectionId`](super::ConnectionId) among its extensions.
    pub streams: bool,
    /// The JSON body of the responses that the protocol itself gives, such as 414 and 431. `None`: they have no body.
    pub error_body: Option<fn(StatusCode) -> String>,
    /// How often deadlines are checked. Each may be exceeded by as much.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 768,
            head: Duration::from_secs(10),
            work: Duration::from_mins(1),
            answer: Duration::from_secs(10),
            idle: Duration::from_mins(2),
            linger: Duration::from_secs(2),
            farewell: Duration::from_secs(1),
            longest_head: 16 * 1024,
            streams: false,
            error_body: None,
            tick: Duration::from_secs(1),
        }
    }
}
