//! A database that goes away under load: nothing is acknowledged meanwhile, nothing grows, nothing is lost,
//! and the service is back as soon as the database is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::harness::postgres::Server;
use crate::harness::{Answer, FakeBotApi, Line, Program, get, message, print_line, serve_echo};

/// As many connections as Telegram opens by default.
const LINES: i64 = 40;

/// What came of the load so far.
#[derive(Default)]
struct Counted {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    ending: AtomicBool,
}

/// One connection and one chat: each update is offered until it is acknowledged. Says how many were.
async fn deliver(addr: SocketAddr, chat: i64, counted: Arc<Counted>) -> i64 {
    let mut line = Line::open(addr).await.unwrap();
    let mut turn = 0;
    while !counted.ending.load(Ordering::Relaxed) {
        let update = message(chat * 1_000_000 + turn + 1, chat, &format!("/echo {}", turn + 1));
        let answer = line.deliver(&update).await.unwrap();
        match answer.status {
            200 => {
                turn += 1;
                counted.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            status => {
                let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                assert!(status == 503 && seconds.is_some_and(|seconds| (1..=5).contains(&seconds)), "{answer:?}");
                counted.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    turn
}

/// Resident memory of a process, in KiB.
fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ask(program: &Program, path: &str) -> Answer {
    get(program.addr, path)
}

/// Waits until something counts on, and says how long that took.
async fn moves(counter: &AtomicU64) -> Duration {
    let (began, before) = (Instant::now(), counter.load(Ordering::Relaxed));
    while counter.load(Ordering::Relaxed) == before {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not move");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

/// How long the database is away: `DOORBELL_AWAY_SECONDS`, or a few.
#[expect(clippy::disallowed_methods, reason = "whoever runs the tests says so")]
fn away_for() -> Duration {
    let seconds = std::env::var("DOORBELL_AWAY_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_under_load_costs_no_memory_and_no_update() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let program = serve_echo(&telegram, &database.url, folder.path(), &[]);
    let counted = Arc::new(Counted::default());
    let mut lines = JoinSet::new();
    for chat in 1..=LINES {
        let (counted, addr) = (Arc::clone(&counted), program.addr);
        lines.spawn(async move { (chat, deliver(addr, chat, counted).await) });
    }
    while counted.acknowledged.load(Ordering::Relaxed) < 2_000 {
        moves(&counted.acknowledged).await;
    }
    server.stop_immediately();
    moves(&counted.refused).await;
    let (away, began, before) = (away_for(), Instant::now(), resident(&program));
    let (mut most, mut looks) = (before, 0);
    while began.elapsed() < away {
        moves(&counted.refused).await;
        let (live, ready) = (ask(&program, "/healthz"), ask(&program, "/readyz"));
        assert_eq!((live.status, ready.status), (200, 503));
        assert!(looks == 0 || ready.body.contains("the database is away"), "{}", ready.body);
        most = most.max(resident(&program));
        looks += 1;
    }
    let acknowledged = counted.acknowledged.load(Ordering::Relaxed);
    server.start_again();
    let recovered = moves(&counted.acknowledged).await;
    print_line(&format!(
        "a database away for {} s under load: {} refused, resident {before} KiB, at most {most} KiB, an update kept \
         {recovered:?} after it is back",
        away.as_secs(),
        counted.refused.load(Ordering::Relaxed),
    ));
    assert!(most <= before + 10 * 1024, "memory is flat: {before} KiB, then {most} KiB");
    assert!(recovered <= Duration::from_secs(2), "{recovered:?}");
    assert!(looks > 1 && acknowledged >= 2_000);
    counted.ending.store(true, Ordering::Relaxed);
    let offered: Vec<(i64, i64)> = lines.join_all().await;
    let all = |api: &FakeBotApi| offered.iter().all(|(chat, turn)| api.last(*chat) == Some(turn.to_string()));
    telegram.until_within(Duration::from_mins(2), "each chat has its last reply", all).await;
    for (chat, turns) in &offered {
        let mut texts: Vec<i64> = telegram.sent(*chat).iter().map(|sent| sent.text.parse().unwrap()).collect();
        // What was sent when the database went, and not recorded, may come again.
        texts.dedup();
        assert_eq!(texts, (1..=*turns).collect::<Vec<_>>(), "each once, in order");
    }
}
