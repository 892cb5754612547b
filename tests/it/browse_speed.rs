//! How long the operator's pages wait for a store that holds a million waiting and ten thousand dead-letter updates, and
//! whether an update is acknowledged later because of them.
//!
//! `DOORBELL_MEASURE_BROWSE=1 cargo test --test it browse_speed -- --nocapture` prints the times; without the variable the
//! tests do nothing. They check what the pages contain, and never how long that took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorbell::clock::{Clock, SystemClock};
use doorbell::inbox::{self, Cursor, Filter, Inbox, Page, UpdateState};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{ChatKey, Kind, Update, UpdateId};

use crate::harness::postgres::Database;
use crate::harness::waiting::until;
use crate::harness::{message, print_line};

/// Every 101st update is a dead-letter update; the others wait.
const UPDATES: i64 = 1_010_000;
const DEAD: u64 = 10_000;
/// The updates that ended before, with lower ids.
const ENDED: i64 = 100_000;
/// The updates that are acknowledged while pages are read.
const ACCEPTED: i64 = 2_000;

/// The columns of update number `n`. The oldest one is of another kind, of another chat, and failed for another reason.
const COLUMNS: &str = "
    n, n, CASE WHEN n = 1 THEN 'poll' WHEN n % 20 = 0 THEN 'callback_query' ELSE 'message' END,
    CASE WHEN n = 1 THEN 'chat:-1' ELSE 'chat:' || (n % 20000) END, {now} - 1010000 + n, {now} + 86400000 + n,
    CASE WHEN n % 101 = 0 THEN 1 ELSE 0 END,
    CASE WHEN n % 101 = 0 THEN 8 WHEN n = 1 THEN 1 ELSE 0 END,
    CASE WHEN n = 1 THEN 'only the oldest' WHEN n % 101 = 0 THEN 'the bot answered ' || (500 + n % 5) END";

const FILL_SQLITE: &str = "
    BEGIN;
    INSERT INTO updates (id, seq, kind, chat_key, received_at, expires_at, state, attempts, reason, body)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {updates})
    SELECT {columns}, zeroblob(600) FROM numbers;
    INSERT INTO ended WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ended})
    SELECT -n, 'message', {now} - 2000000, {now} - 2000000, 'done' FROM numbers;
    COMMIT";

const FILL_POSTGRES: &str = "
    INSERT INTO doorbell.updates (id, seq, kind, chat_key, received_at, expires_at, state, attempts, reason, body)
    SELECT {columns}, decode(repeat(md5(n::text), 40), 'hex') FROM generate_series(1, {updates}) AS n;
    INSERT INTO doorbell.updates (id, seq, kind, chat_key, received_at, expires_at, state, ended_at)
    SELECT -n, -n, 'message', 'chat:' || n, {now} - 2000000, {now}, 2, now() FROM generate_series(1, {ended}) AS n;
    INSERT INTO doorbell.dead SELECT id FROM doorbell.updates WHERE state = 1;
    INSERT INTO doorbell.chats (chat_key, front, tail, due_at)
    SELECT chat_key, min(seq), max(seq),
        CASE WHEN chat_key = 'chat:-1' THEN now() + interval '1 hour' ELSE to_timestamp(min(received_at) / 1000.0) END
    FROM doorbell.updates WHERE state = 0 GROUP BY chat_key;
    UPDATE doorbell.tally SET open = {updates} - {updates} / 101 WHERE slot = 0;
    SELECT setval('doorbell.batches', 100)";

fn fill(template: &str) -> String {
    let now = SystemClock.now().as_millisecond().to_string();
    let numbers = [("{updates}", UPDATES.to_string()), ("{ended}", ENDED.to_string()), ("{now}", now)];
    let template = template.replace("{columns}", COLUMNS);
    numbers.into_iter().fold(template, |text, (name, number)| text.replace(name, &number))
}

fn is_wanted() -> bool {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    std::env::var_os("DOORBELL_MEASURE_BROWSE").is_some()
}

async fn open(url: InboxUrl) -> (Arc<dyn Inbox>, Shutdown) {
    let settings = InboxSettings { url, capacity: 10_000_000, keep_done: Duration::from_hours(48), max_connections: 5 };
    let shutdown = Shutdown::new();
    let inbox = inbox::open(&settings, BotId(1), Arc::new(SystemClock), &shutdown, Arc::default()).unwrap();
    until("the store to be ready", async || inbox.survey().await.ok()).await;
    (inbox, shutdown)
}

/// Runs a query six times, and prints the first time, the median of the others, and the processor time of this process,
/// which does not depend on what else the machine does.
async fn measure<T>(name: &str, query: impl AsyncFn() -> T) -> T {
    let begun = Instant::now();
    let answer = query().await;
    let first = begun.elapsed();
    let (mut times, used) = (Vec::new(), processor_time());
    for _ in 0..5 {
        let begun = Instant::now();
        query().await;
        times.push(begun.elapsed());
    }
    times.sort();
    let (then, processor) = (millis(times[2]), millis(processor_time().saturating_sub(used) / 5));
    print_line(&format!(
        "{:>7.1} ms at first, {then:>7.1} ms then, {processor:>6.1} ms of processor: {name}",
        millis(first)
    ));
    answer
}

/// The processor time of all threads of this process.
fn processor_time() -> Duration {
    let used = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    };
    let threads = std::fs::read_dir("/proc/self/task").expect("this is Linux").flatten();
    Duration::from_nanos(threads.filter_map(used).sum())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

async fn measure_page(inbox: &dyn Inbox, name: &str, filter: Filter, before: Option<Cursor>) -> Page {
    let page = measure(name, async || inbox.page(&filter, before, 50).await.unwrap()).await;
    let (found, next) = (page.records.len(), page.next.is_some());
    print_line(&format!("{:>40} updates, next: {next}, scanned all: {}", found, page.scanned_all));
    page
}

/// Accepts updates one after another, and prints the median and the slowest hundredth.
async fn accept(inbox: &dyn Inbox, name: &str, first: i64) {
    let mut times = Vec::new();
    for id in first..first + ACCEPTED {
        let update = Update::parse(message(id, id, "Hello").to_string().into(), SystemClock.now()).unwrap();
        let begun = Instant::now();
        inbox.accept(update).await.unwrap();
        times.push(begun.elapsed());
    }
    times.sort();
    let at = |share: usize| millis(times[times.len() * share / 100]);
    print_line(&format!("{:>8.2} ms p50, {:>8.2} ms p99: an update is acknowledged {name}", at(50), at(99)));
}

fn state(state: UpdateState) -> Filter {
    Filter { state: Some(state), ..Filter::default() }
}

fn kind(name: &str) -> Filter {
    Filter { kind: Some(Kind::named(name)), ..Filter::default() }
}

fn chat(id: i64) -> Filter {
    Filter { chat_key: Some(ChatKey::chat(id)), ..Filter::default() }
}

fn reason(reason: &str) -> Filter {
    Filter { reason: Some(reason.to_owned()), ..Filter::default() }
}

async fn measure_all(inbox: Arc<dyn Inbox>) {
    let all = measure_page(&*inbox, "all", Filter::default(), None).await;
    assert_eq!((all.records.len(), all.records[0].id.0), (50, UPDATES));
    measure_page(&*inbox, "all, the second page", Filter::default(), all.next).await;
    let deep = "500000".parse().ok();
    measure_page(&*inbox, "all, from the middle", Filter::default(), deep).await;
    measure_page(&*inbox, "waiting", state(UpdateState::Waiting), None).await;
    assert_eq!(measure_page(&*inbox, "held", state(UpdateState::Held), None).await.records.len(), 0);
    let dead = measure_page(&*inbox, "dead", state(UpdateState::Dead), None).await;
    assert_eq!(dead.records.len(), 50);
    measure_page(&*inbox, "dead, the last page", state(UpdateState::Dead), "5000".parse().ok()).await;
    measure_page(&*inbox, "done", state(UpdateState::Done), None).await;
    measure_page(&*inbox, "expired (none)", state(UpdateState::Expired), None).await;
    assert_eq!(measure_page(&*inbox, "kind message", kind("message"), None).await.records.len(), 50);
    measure_page(&*inbox, "kind callback_query", kind("callback_query"), None).await;
    measure_page(&*inbox, "kind poll (the oldest)", kind("poll"), None).await;
    measure_page(&*inbox, "kind shipping_query (none)", kind("shipping_query"), None).await;
    let dead_kind = Filter { state: Some(UpdateState::Dead), ..kind("shipping_query") };
    assert!(measure_page(&*inbox, "dead of kind shipping_query (none)", dead_kind, None).await.scanned_all);
    let some_chat = measure_page(&*inbox, "chat 77", chat(77), None).await;
    assert_eq!(some_chat.records.len(), 50);
    assert_eq!(measure_page(&*inbox, "chat -1 (the oldest)", chat(-1), None).await.records.len(), 1);
    let none = measure_page(&*inbox, "chat -2 (none)", chat(-2), None).await;
    assert!(none.records.is_empty() && none.scanned_all);
    let oldest = measure_page(&*inbox, "reason of the oldest", reason("only the oldest"), None).await;
    assert_eq!(oldest.records.len(), 1);
    let common = measure_page(&*inbox, "reason of 2,000", reason("the bot answered 500"), None).await;
    assert_eq!(common.records.len(), 50);
    let none = measure_page(&*inbox, "a reason of none", reason("no such reason"), None).await;
    assert!(none.records.is_empty());
    let one = measure("one update", async || inbox.find(UpdateId(500_000)).await.unwrap()).await;
    assert!(one.unwrap().body.is_some());
    let counts = measure("counts by state", async || inbox.count_by_state().await.unwrap()).await;
    assert_eq!((counts.waiting, counts.dead), (1_000_000, DEAD));
    let held_back = measure("chats held back", async || inbox.held_back(50).await.unwrap()).await;
    assert_eq!((held_back.len(), held_back[0].head.0), (50, 1));
    let groups = measure("dead-letter updates by reason", async || inbox.dead_by_reason(50).await.unwrap()).await;
    assert_eq!(groups.iter().map(|group| group.count).sum::<u64>(), DEAD);
    accept(&*inbox, "while no page is read", UPDATES + 1).await;
    let reading = Shutdown::new();
    for _ in 0..2 {
        let (inbox, stop) = (Arc::clone(&inbox), reading.soft.clone());
        reading.tasks.spawn(async move {
            while !stop.is_cancelled() {
                inbox.page(&kind("shipping_query"), None, 50).await.unwrap();
                inbox.held_back(50).await.unwrap();
                inbox.dead_by_reason(50).await.unwrap();
            }
        });
    }
    accept(&*inbox, "while two others read pages without a pause", UPDATES + ACCEPTED + 1).await;
    reading.soft.cancel();
    reading.tasks.close();
    reading.tasks.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_million_updates_in_sqlite() {
    if !is_wanted() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inbox.db");
    drop(open(InboxUrl::Sqlite(file.clone())).await);
    rusqlite::Connection::open(&file).unwrap().execute_batch(&fill(FILL_SQLITE)).unwrap();
    print_line("SQLite");
    let (inbox, _shutdown) = open(InboxUrl::Sqlite(file)).await;
    measure_all(inbox).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_million_updates_in_postgresql() {
    if !is_wanted() {
        return;
    }
    let Some(database) = Database::fresh().await else { return };
    let url = || InboxUrl::Postgres(database.url.clone().into());
    let (inbox, shutdown) = open(url()).await;
    shutdown.stop_hard();
    drop(inbox);
    database.run(&fill(FILL_POSTGRES)).await;
    print_line("PostgreSQL");
    let (inbox, _shutdown) = open(url()).await;
    measure_all(inbox).await;
}
