//! The cost of accepting, and of accepting, claiming and settling, in each durable store: empty, and with a backlog of
//! a million updates.
//!
//! `cargo bench --bench inbox`. PostgreSQL is measured when `DOORBELL_BENCH_POSTGRES` names a database
//! that may be filled. For the whole service, measure it from outside, under HTTP load.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use doorbell::clock::{Clock, SystemClock};
use doorbell::inbox::{self, Claimable, Inbox, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::BotId;
use doorbell::update::Update;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// As many senders as Telegram opens connections at most.
const SENDERS: usize = 100;
/// Updates of one round.
const ROUND: i64 = 2_000;

fn update(id: i64) -> Update {
    let body = format!(
        r#"{{"update_id":{id},"message":{{"message_id":{id},"from":{{"id":{0},"is_bot":false,"first_name":"Ann"}},"chat":{{"id":{0},"first_name":"Ann","type":"private"}},"date":1790000000,"text":"{1}"}}}}"#,
        id % 1_000,
        "word ".repeat(60)
    );
    Update::parse(Bytes::from(body), SystemClock.now()).expect("an update")
}

fn open(url: &str) -> Arc<dyn Inbox> {
    let sources = Sources::default().with("inbox.url", url).with("inbox.capacity", 10_000_000);
    let settings = Settings::load(&sources, Need::Nothing).expect("right settings");
    let clock = Arc::new(SystemClock);
    inbox::open(&settings.inbox, BotId(1), clock, &Shutdown::new(), Arc::default()).expect("an inbox")
}

/// Accepts a round of updates, from many senders at once, each waiting for its acknowledgement.
async fn accept(inbox: &Arc<dyn Inbox>, next: &Arc<AtomicI64>) -> Duration {
    let first = next.fetch_add(ROUND, Ordering::Relaxed);
    let begun = Instant::now();
    let mut senders = JoinSet::new();
    for sender in (0..).take(SENDERS) {
        let inbox = Arc::clone(inbox);
        senders.spawn(async move {
            for id in (first + sender..first + ROUND).step_by(SENDERS) {
                black_box(inbox.accept(update(id)).await).expect("stored");
            }
        });
    }
    senders.join_all().await;
    begun.elapsed()
}

/// Claims and settles until no update is ready.
async fn work_off(inbox: &Arc<dyn Inbox>) {
    loop {
        let claimed = inbox.claim(64, Claimable::Any).await.expect("claimed");
        if claimed.is_empty() {
            return;
        }
        let settled = claimed.into_iter().map(|delivery| inbox.settle(delivery.lease, Verdict::Done));
        for settled in futures_util::future::join_all(settled).await {
            settled.expect("settled");
        }
    }
}

fn stores() -> Vec<(&'static str, String, Option<tempfile::TempDir>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let mut stores = vec![("sqlite", file, Some(folder))];
    if let Some(url) = option_env!("DOORBELL_BENCH_POSTGRES") {
        stores.push(("postgres", url.to_owned(), None));
    }
    stores
}

fn storing(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("inbox");
    group.sample_size(10).throughput(Throughput::Elements(ROUND as u64));
    for (name, url, _folder) in stores() {
        let inbox = runtime.block_on(async { open(&url) });
        let next = Arc::new(AtomicI64::new(1));
        group.bench_function(BenchmarkId::new("accept", name), |bench| {
            bench.iter_custom(|rounds| {
                runtime.block_on(async {
                    let mut spent = Duration::ZERO;
                    for _ in 0..rounds {
                        spent += accept(&inbox, &next).await;
                        work_off(&inbox).await;
                    }
                    spent
                })
            });
        });
        group.bench_function(BenchmarkId::new("accept, claim and settle", name), |bench| {
            bench.iter_custom(|rounds| {
                runtime.block_on(async {
                    let begun = Instant::now();
                    for _ in 0..rounds {
                        accept(&inbox, &next).await;
                        work_off(&inbox).await;
                    }
                    begun.elapsed()
                })
            });
        });
        runtime.block_on(async {
            for _ in 0..1_000_000 / ROUND {
                accept(&inbox, &next).await;
            }
        });
        group.bench_function(BenchmarkId::new("accept with a million waiting", name), |bench| {
            bench.iter_custom(|rounds| {
                runtime.block_on(async {
                    let mut spent = Duration::ZERO;
                    for _ in 0..rounds {
                        spent += accept(&inbox, &next).await;
                    }
                    spent
                })
            });
        });
        group.bench_function(BenchmarkId::new("claim and settle with a million waiting", name), |bench| {
            bench.iter_custom(|rounds| {
                runtime.block_on(async {
                    let begun = Instant::now();
                    for _ in 0..rounds * ROUND as u64 / 64 {
                        let claimed = inbox.claim(64, Claimable::Any).await.expect("claimed");
                        let settled = claimed.into_iter().map(|delivery| inbox.settle(delivery.lease, Verdict::Done));
                        futures_util::future::join_all(settled).await;
                    }
                    begun.elapsed()
                })
            });
        });
    }
}

fn reading(criterion: &mut Criterion) {
    let body = update(1).body;
    let mut group = criterion.benchmark_group("update");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("read", |bench| {
        bench.iter(|| Update::parse(black_box(body.clone()), jiff::Timestamp::UNIX_EPOCH).expect("an update"));
    });
}

criterion_group!(benches, storing, reading);
criterion_main!(benches);
