//! Live updates through the real listener: a client that does not read its event stream costs little and delays nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use doorbell::clock::ManualClock;
use doorbell::http::listener::{self, Counts, Limits};
use doorbell::http::pages::{self, Live};
use doorbell::lifecycle::{Shutdown, Task};
use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::harness::RawConnection;
use crate::harness::waiting::soon;

/// The shortest time between two events.
const PAUSE: Duration = Duration::from_millis(250);
/// What the buffers of a connection hold: hyper's, and twice that of the system, which counts its own administration.
const BUFFERS: usize = (64 + 2 * 64) * 1024;

/// A listener with event streams, whose clock the test moves.
struct Service {
    addr: SocketAddr,
    clock: ManualClock,
    changes: watch::Sender<u64>,
    shutdown: Shutdown,
    serving: JoinHandle<Option<()>>,
}

impl Service {
    fn start() -> Self {
        let (clock, shutdown) = (ManualClock::new(Timestamp::UNIX_EPOCH), Shutdown::new());
        let live = Live::new(Arc::new(clock.clone()), shutdown.clone());
        let changes = watch::Sender::new(0);
        let seen = changes.subscribe();
        let stream = get(async move || live.stream(seen.clone()));
        let routes = pages::routes(Router::new().route("/live", stream).route("/", get(async || "a page")));
        let socket = listener::bind(([127, 0, 0, 1], 0).into()).expect("a free port is free");
        let addr = socket.local_addr().expect("it has an address");
        let counts = Arc::<Counts>::default();
        let deps = listener::Deps {
            limits: Limits::default(),
            counts,
            clock: Arc::new(clock.clone()),
            shutdown: shutdown.clone(),
        };
        let serving = shutdown.supervise(Task::Listener, listener::serve(socket, routes, deps));
        Self { addr, clock, changes, shutdown, serving }
    }

    async fn open(&self, mut client: RawConnection) -> RawConnection {
        client.send("GET /live HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n").await;
        client
    }

    /// Makes a change, and moves the clock until this client has its event.
    async fn change_until_seen_by(&self, client: &mut Reader) {
        self.changes.send_modify(|changes| *changes += 1);
        let before = client.events;
        while client.events == before {
            self.clock.advance(PAUSE);
            client.read_a_little().await;
        }
    }
}

/// A client that reads its events.
struct Reader {
    wire: RawConnection,
    seen: String,
    events: usize,
}

impl Reader {
    async fn open(service: &Service) -> Self {
        let wire = service.open(RawConnection::connect(service.addr).await).await;
        let mut reader = Self { wire, seen: String::new(), events: 0 };
        while reader.events == 0 {
            let some = soon("the first event", reader.wire.read_some()).await;
            reader.add(&some);
        }
        reader
    }

    fn add(&mut self, some: &str) {
        self.events += some.matches("event: changed").count();
        self.seen.push_str(some);
    }

    /// Lets the service work, and reads what it has sent by then.
    async fn read_a_little(&mut self) {
        // The runtime looks for what has arrived once in some turns.
        for _ in 0..200 {
            if let Some(some) = self.wire.read_some().now_or_never() {
                return self.add(&some);
            }
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_event_stream_says_that_something_has_changed_and_comments_every_15_s() {
    let service = Service::start();
    let mut reader = Reader::open(&service).await;
    let head = reader.seen.to_lowercase();
    for line in
        ["http/1.1 200 ok", "content-type: text/event-stream", "cache-control: no-cache", "x-accel-buffering: no"]
    {
        assert!(head.contains(line), "{line}: {head}");
    }
    assert!(!head.contains("content-encoding"), "a compressor would hold events back: {head}");
    service.change_until_seen_by(&mut reader).await;
    reader.seen.clear();
    // Longer than any deadline of another connection.
    for _ in 0..30 {
        for _ in 0..15 {
            service.clock.advance(Duration::from_secs(1));
            reader.read_a_little().await;
        }
    }
    let comments = reader.seen.lines().filter(|line| line.starts_with(':')).count();
    assert!((20..=30).contains(&comments) && reader.events == 2, "{comments} comments: {}", reader.seen);
}

#[tokio::test]
async fn many_changes_within_a_moment_are_one_event() {
    let service = Service::start();
    let mut reader = Reader::open(&service).await;
    for _ in 0..1_000 {
        service.changes.send_modify(|changes| *changes += 1);
        tokio::task::yield_now().await;
    }
    service.change_until_seen_by(&mut reader).await;
    for _ in 0..20 {
        service.clock.advance(PAUSE);
        reader.read_a_little().await;
    }
    assert!(reader.events <= 3, "{}: {}", reader.events, reader.seen);
}

#[tokio::test]
async fn a_client_that_never_reads_costs_bounded_memory_and_delays_nothing_and_is_not_cut() {
    let service = Service::start();
    let mut stuck = service.open(RawConnection::with_small_buffer(service.addr).await).await;
    let mut reader = Reader::open(&service).await;
    for _ in 0..10_000 {
        service.change_until_seen_by(&mut reader).await;
    }
    let sent: usize = reader.seen.len();
    assert!(sent > BUFFERS * 3 / 2, "more was sent to the other client than buffers hold: {sent}");
    // It reads at last: first what the buffers held, and then the latest event.
    let mut read = 0;
    while let Ok(some) = tokio::time::timeout(Duration::from_millis(200), stuck.read_some()).await {
        assert!(!some.is_empty(), "the stream has not ended");
        read += some.len();
    }
    assert!(read <= BUFFERS, "{read} bytes were kept for a client that does not read");
    service.change_until_seen_by(&mut reader).await;
    assert!(soon("it goes on", stuck.read_some()).await.contains("event: changed"));
}

#[tokio::test]
async fn a_stop_ends_the_streams_within_a_second_also_of_a_client_that_does_not_read() {
    let service = Service::start();
    let mut stuck = service.open(RawConnection::with_small_buffer(service.addr).await).await;
    let mut reader = Reader::open(&service).await;
    for _ in 0..7_000 {
        service.change_until_seen_by(&mut reader).await;
    }
    service.shutdown.soft.cancel();
    let rest = soon("the stream ends without a move of the clock", reader.wire.read_some()).await;
    assert!(rest.ends_with("0\r\n\r\n"), "{rest}");
    // A second for idle connections, and the next check of the deadlines.
    for _ in 0..2 {
        service.clock.advance(Duration::from_secs(1));
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.unwrap_err();
    }
    soon("the listener ends", service.serving).await.expect("without a panic");
    stuck.closed().await;
}

#[tokio::test]
async fn the_number_of_streams_is_limited_and_a_closed_one_makes_room() {
    let service = Service::start();
    let mut open = Vec::new();
    for _ in 0..32 {
        open.push(Reader::open(&service).await);
    }
    let mut one_more = service.open(RawConnection::connect(service.addr).await).await;
    let refused = one_more.answer().await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("30")), "{refused:?}");
    one_more.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(one_more.answer().await.status, 200, "pages are still served");
    open.pop();
    crate::harness::waiting::until("there is room", async || {
        let mut client = service.open(RawConnection::connect(service.addr).await).await;
        client.read_some().await.starts_with("HTTP/1.1 200").then_some(())
    })
    .await;
}
