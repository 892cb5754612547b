//! A database outage under load: no update is acknowledged meanwhile, memory does not grow, nothing is lost, and the
//! service works again as soon as the database does.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::harness::postgres::Server;
use crate::harness::{Answer, FakeBotApi, Line, Program, get, message, print_line, serve_echo};

/// The number of connections that Telegram opens by default. Each one delivers the updates of one chat.
const CONNECTIONS: i64 = 40;
/// The default of `dispatch.concurrency`: the most replies that may have been sent and not recorded.
const CONCURRENCY: usize = 64;

/// The answers to the load so far.
#[derive(Default)]
struct Load {
    acknowledged: AtomicU64,
    refused: AtomicU64,
    ending: AtomicBool,
}

/// Delivers updates of one chat on one connection, each until it is acknowledged. Returns their number.
async fn deliver(addr: SocketAddr, chat: i64, load: Arc<Load>) -> i64 {
    let mut line = Line::open(addr).await.unwrap();
    let mut turn = 0;
    while !load.ending.load(Ordering::Relaxed) {
        let update = message(chat * 1_000_000 + turn + 1, chat, &format!("/echo {}", turn + 1));
        let answer = line.deliver(&update).await.unwrap();
        match answer.status {
            200 => {
                turn += 1;
                load.acknowledged.fetch_add(1, Ordering::Relaxed);
            }
            status => {
                let seconds = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
                assert!(status == 503 && seconds.is_some_and(|seconds| (1..=5).contains(&seconds)), "{answer:?}");
                load.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    turn
}

/// Resident memory of a process, in KiB.
fn resident(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux reports it");
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn ask(program: &Program, path: &str) -> Answer {
    get(program.addr, path)
}

/// Waits until a counter increases, and returns how long that took.
async fn increases(counter: &AtomicU64) -> Duration {
    let (began, before) = (Instant::now(), counter.load(Ordering::Relaxed));
    while counter.load(Ordering::Relaxed) == before {
        assert!(began.elapsed() < Duration::from_secs(20), "the counter does not increase");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    began.elapsed()
}

/// How long the outage lasts: `DOORBELL_AWAY_SECONDS`, or a few seconds.
#[expect(clippy::disallowed_methods, reason = "the person who runs the tests sets it")]
fn outage() -> Duration {
    let seconds = std::env::var("DOORBELL_AWAY_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(4))
}

/// Checks that the replies of a chat are `1..=turns` in order, and returns how many were sent again.
fn repeated(texts: &[i64], turns: i64) -> usize {
    let mut distinct = texts.to_vec();
    distinct.dedup();
    assert_eq!(distinct, (1..=turns).collect::<Vec<_>>(), "each reply in order");
    texts.len() - distinct.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_under_load_costs_no_memory_and_no_update() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let program = serve_echo(&telegram, &database.url, folder.path(), &[]);
    let load = Arc::new(Load::default());
    let mut connections = JoinSet::new();
    for chat in 1..=CONNECTIONS {
        let (load, addr) = (Arc::clone(&load), program.addr);
        connections.spawn(async move { (chat, deliver(addr, chat, load).await) });
    }
    while load.acknowledged.load(Ordering::Relaxed) < 2_000 {
        increases(&load.acknowledged).await;
    }
    server.stop_immediately();
    increases(&load.refused).await;
    let (outage, began, before) = (outage(), Instant::now(), resident(&program));
    let (mut most, mut checks) = (before, 0);
    while began.elapsed() < outage {
        increases(&load.refused).await;
        let (live, ready) = (ask(&program, "/healthz"), ask(&program, "/readyz"));
        assert_eq!((live.status, ready.status), (200, 503));
        assert!(checks == 0 || ready.body.contains("the database is away"), "{}", ready.body);
        most = most.max(resident(&program));
        checks += 1;
    }
    let acknowledged = load.acknowledged.load(Ordering::Relaxed);
    server.start_again();
    let recovered = increases(&load.acknowledged).await;
    assert!(most <= before + 10 * 1024, "memory does not grow: {before} KiB, then {most} KiB");
    assert!(recovered <= Duration::from_secs(2), "{recovered:?}");
    assert!(checks > 1 && acknowledged >= 2_000);
    load.ending.store(true, Ordering::Relaxed);
    let delivered: Vec<(i64, i64)> = connections.join_all().await;
    let all = |api: &FakeBotApi| delivered.iter().all(|(chat, turns)| api.last(*chat) == Some(turns.to_string()));
    telegram.until_within(Duration::from_mins(2), "each chat has its last reply", all).await;
    let mut again = 0;
    for (chat, turns) in &delivered {
        let texts: Vec<i64> = telegram.sent(*chat).iter().map(|sent| sent.text.parse().unwrap()).collect();
        again += repeated(&texts, *turns);
    }
    print_line(&format!(
        "a database away for {} s under load: {} refused, resident {before} KiB, at most {most} KiB, an update stored \
         {recovered:?} after it is back, {again} replies sent again",
        outage.as_secs(),
        load.refused.load(Ordering::Relaxed),
    ));
    assert!(again <= CONCURRENCY, "{again} replies were sent again");
}
