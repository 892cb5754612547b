//! Rules that hold on PostgreSQL for all of its defaults, clocks and connection limits.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{SharedClock, SystemClock};
use doorbell::inbox::{self, Accepted, Claimable, Delivery, Inbox, InboxError, LEASE, Lease, Selection, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{Update, UpdateId};
use futures_util::future::join_all;
use sqlx::{AssertSqlSafe, Row};

use crate::harness::postgres::{Database, Server};
use crate::harness::waiting::{soon, until};
use crate::harness::{message, run};

/// The inbox of one instance. It stops when the value is dropped.
struct Instance {
    inbox: Arc<dyn Inbox>,
    shutdown: Shutdown,
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.shutdown.stop_hard();
    }
}

fn settings(url: &str, max_connections: usize) -> InboxSettings {
    let url = InboxUrl::Postgres(url.into());
    InboxSettings { url, capacity: 10_000, keep_done: Duration::from_hours(48), max_connections }
}

impl Instance {
    fn open(url: &str, max_connections: usize) -> Self {
        let shutdown = Shutdown::new();
        let clock: SharedClock = Arc::new(SystemClock);
        let settings = settings(url, max_connections);
        let inbox = inbox::open(&settings, BotId(1), clock, &shutdown, Arc::default()).unwrap();
        Self { inbox, shutdown }
    }

    async fn ready(database: &Database) -> Self {
        let instance = Self::open(&database.url, 5);
        instance.is_ready().await;
        instance
    }

    async fn is_ready(&self) {
        until("the database to be used", async || self.inbox.survey().await.ok()).await;
    }

    async fn store(&self, ids: impl IntoIterator<Item = i64>) {
        for stored in join_all(ids.into_iter().map(|id| self.inbox.accept(update(id, id)))).await {
            assert_eq!(stored.unwrap(), Accepted::Stored);
        }
    }

    /// Claims the next update that is ready.
    async fn next(&self) -> Delivery {
        let claiming = async {
            loop {
                if let Some(delivery) = self.inbox.claim(1, Claimable::Any).await.unwrap().pop() {
                    return delivery;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        soon("an update to be due", claiming).await
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) {
        self.inbox.settle(lease, verdict).await.unwrap();
    }
}

fn update(id: i64, chat: i64) -> Update {
    let now: SharedClock = Arc::new(SystemClock);
    Update::parse(message(id, chat, "Hello").to_string().into(), now.steady()).unwrap()
}

fn dead() -> Verdict {
    Verdict::Dead { reason: "for a test".to_owned() }
}

/// The number that a query returns.
async fn number(database: &Database, sql: &str) -> i64 {
    let row = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_one(&mut database.connect().await).await.unwrap();
    row.try_get_raw(0).unwrap().as_str().unwrap().parse().unwrap()
}

/// Lets every lease lapse, as an outage of some minutes would.
async fn lapse(database: &Database) {
    database.run("UPDATE doorbell.chats SET due_at = due_at - interval '5 minutes' WHERE token <> 0").await;
}

/// Uses an inbox on a database with unsafe defaults, and records the settings of each transaction.
async fn check_transactions_with_unsafe_defaults(direct: &Database, used: &Database) {
    let name = direct.url.rsplit_once('/').unwrap().1;
    let defaults = ["synchronous_commit = off", "default_transaction_isolation = 'serializable'"];
    for default in [&defaults[..], &["default_transaction_read_only = on"]].concat() {
        direct.run(&format!("ALTER DATABASE {name} SET {default}")).await;
    }
    let instance = Instance::ready(used).await;
    let watch = "BEGIN READ WRITE; CREATE TABLE public.seen (how text);
        CREATE FUNCTION public.look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO public.seen VALUES (TG_TABLE_NAME || ' ' || current_setting('synchronous_commit') || ' '
                || current_setting('transaction_isolation'));
            RETURN NULL;
        END $$;
        CREATE TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON doorbell.updates EXECUTE FUNCTION public.look();
        CREATE TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON doorbell.chats EXECUTE FUNCTION public.look();
        CREATE TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON doorbell.dead EXECUTE FUNCTION public.look(); COMMIT";
    direct.run(watch).await;
    instance.store([1, 2]).await;
    for _ in 0..2 {
        let delivery = instance.next().await;
        instance.inbox.extend(&[delivery.lease]).await.unwrap();
        instance.settle(delivery.lease, dead()).await;
    }
    let ids = Selection::Ids(vec![UpdateId(1)]);
    assert_eq!(instance.inbox.revive(&ids).await.unwrap(), [UpdateId(1)]);
    assert_eq!(instance.inbox.discard(&Selection::All).await.unwrap(), [UpdateId(2)]);
    instance.inbox.sweep().await.unwrap();
    assert!(number(direct, "SELECT count(*) FROM public.seen").await > 10);
    let otherwise = "SELECT count(*) FROM public.seen WHERE how NOT LIKE '% on read committed'";
    assert_eq!(number(direct, otherwise).await, 0);
}

#[tokio::test]
async fn each_transaction_is_durable_and_read_committed_whatever_the_defaults_are() {
    let Some(database) = Database::fresh().await else { return };
    check_transactions_with_unsafe_defaults(&database, &database).await;
}

#[tokio::test]
async fn each_transaction_is_durable_and_read_committed_behind_a_pooler() {
    let Some((direct, pooled)) = Database::direct_and_pooled().await else { return };
    check_transactions_with_unsafe_defaults(&direct, &pooled).await;
}

#[tokio::test]
async fn an_operators_command_never_migrates_a_database() {
    let Some(database) = Database::fresh().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = database.url.clone();
    let command = |arguments: &'static [&'static str]| {
        let (url, folder) = (url.clone(), folder.path().to_owned());
        tokio::task::spawn_blocking(move || run(arguments, &[("DATABASE_URL", &url)], &folder))
    };
    let refused = |ended: crate::harness::CommandOutput| {
        assert_eq!(ended.code, 1);
        assert!(ended.stderr.contains("is of an older Doorbell, or not made yet"), "{}", ended.stderr);
        assert!(ended.stderr.contains("Start the service of this version first"), "{}", ended.stderr);
    };
    refused(command(&["dead", "list"]).await.unwrap());
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'doorbell%'";
    assert_eq!(number(&database, schemas).await, 0);
    let instance = Instance::ready(&database).await;
    assert_eq!(command(&["dead", "list"]).await.unwrap().code, 0);
    drop(instance);
    database.run("UPDATE doorbell.schema_version SET version = 2").await;
    refused(command(&["dead", "retry", "--all"]).await.unwrap());
    assert_eq!(number(&database, "SELECT version FROM doorbell.schema_version").await, 2);
}

#[tokio::test]
async fn revive_all_ends_even_if_the_updates_die_again_at_once() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    // More than one chunk.
    let made = "INSERT INTO doorbell.updates (id, seq, chat_key, kind, received_at, expires_at, state, body)
            SELECT n, n, 'chat:' || n % 50, 'message', 1, 2, 1, '' FROM generate_series(1, 2500) n;
        INSERT INTO doorbell.dead SELECT n FROM generate_series(1, 2500) n";
    database.run(made).await;
    let dying = async {
        loop {
            let claimed = instance.inbox.claim(50, Claimable::Any).await.unwrap();
            join_all(claimed.into_iter().map(|delivery| instance.settle(delivery.lease, dead()))).await;
        }
    };
    let revive = async {
        tokio::select! {
            revived = instance.inbox.revive(&Selection::All) => revived.unwrap(),
            () = dying => unreachable!("the loop does not end"),
        }
    };
    let mut revived = soon("all to be revived", revive).await;
    revived.sort_unstable();
    assert_eq!(revived, (1..=2500).map(UpdateId).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_chat_continues_with_an_update_that_waits_and_not_with_one_that_ended() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    let in_chat = async |id: i64| instance.inbox.accept(update(id, 7)).await.unwrap();
    // 3 and 4 overtake 1 on the way into the chat, and end before 1 is stored.
    database.run("SELECT setval('doorbell.batches', 100)").await;
    for (id, verdict) in [(3, dead()), (4, Verdict::Done)] {
        in_chat(id).await;
        let delivery = instance.next().await;
        instance.settle(delivery.lease, verdict).await;
    }
    database.run("SELECT setval('doorbell.batches', 50)").await;
    in_chat(1).await;
    database.run("SELECT setval('doorbell.batches', 200)").await;
    in_chat(2).await;
    for expected in [1, 2] {
        let delivery = instance.next().await;
        assert_eq!(delivery.update.id, UpdateId(expected));
        instance.settle(delivery.lease, Verdict::Done).await;
    }
    assert!(instance.inbox.claim(1, Claimable::Any).await.unwrap().is_empty());
    let listed = instance.inbox.list(&Selection::All, 10).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.id.0).collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_lease_that_lapses_while_its_process_runs_is_not_a_crash() {
    let Some(database) = Database::fresh().await else { return };
    let instances = [Instance::ready(&database).await, Instance::ready(&database).await];
    instances[0].store([1]).await;
    let mut held = instances[0].next().await;
    // Each instance in turn loses the database for longer than a lease, and then settles too late.
    for turn in 1..12 {
        lapse(&database).await;
        let next = instances[turn % 2].next().await;
        assert!(next.crash_count <= 1, "turn {turn}: {} crashes", next.crash_count);
        let late = instances[1 - turn % 2].inbox.settle(held.lease, Verdict::Done).await;
        assert!(matches!(late, Err(InboxError::LeaseLost(_))), "{late:?}");
        held = next;
    }
    // A process that crashes never settles.
    for crash_count in 1..4 {
        lapse(&database).await;
        let successor = Instance::ready(&database).await;
        assert_eq!(successor.next().await.crash_count, crash_count);
    }
}

#[tokio::test]
async fn after_an_outage_longer_than_a_lease_each_instance_keeps_its_updates() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    let [one, other] = [Instance::ready(&database).await, Instance::ready(&database).await];
    one.store([1, 2]).await;
    let (working, done) = (one.next().await, one.next().await);
    lapse(&database).await;
    server.stop_immediately();
    // The attempt has ended, and the verdict cannot be recorded yet.
    let unrecorded = one.inbox.settle(done.lease, Verdict::Done).await;
    assert!(matches!(unrecorded, Err(InboxError::Unavailable(_))), "{unrecorded:?}");
    let away = async || (other.inbox.survey().await.is_err() && one.inbox.survey().await.is_err()).then_some(());
    until("both to notice", away).await;
    server.start_again();
    for instance in [&one, &other] {
        instance.is_ready().await;
        let claimed = instance.inbox.claim(10, Claimable::Any).await.unwrap();
        assert!(claimed.is_empty(), "{claimed:?}");
    }
    let left = "SELECT extract(epoch FROM min(due_at) - now())::bigint FROM doorbell.chats";
    let whole = i64::try_from(LEASE.as_secs()).unwrap() - 15;
    until("the leases to be prolonged", async || (number(&database, left).await > whole).then_some(())).await;
    one.settle(done.lease, Verdict::Done).await;
    one.settle(working.lease, Verdict::Done).await;
    assert_eq!(one.inbox.survey().await.unwrap(), inbox::Survey::default());
}

#[tokio::test]
async fn setting_the_clock_of_the_database_back_delays_no_update() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    instance.store([1, 2]).await;
    // Due times are an hour ahead, as they are after the clock was set back by an hour.
    let ahead = "due_at = due_at + interval '1 hour', set_at = set_at + interval '1 hour'";
    database.run(&format!("UPDATE doorbell.chats SET {ahead}")).await;
    assert!(instance.inbox.claim(10, Claimable::Any).await.unwrap().is_empty());
    instance.inbox.sweep().await.unwrap();
    assert_eq!(instance.inbox.claim(10, Claimable::Any).await.unwrap().len(), 2);
}

/// The URL of a role with a limit of connections. A superuser would be exempt from the limit.
async fn role(database: &Database, limit: i32) -> String {
    let name = database.url.rsplit_once('/').unwrap().1;
    let role = format!("few_of_{name}");
    database.run(&format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}")).await;
    database.run(&format!("GRANT CREATE ON DATABASE {name} TO {role}")).await;
    database.url.replace("doorbell@", &format!("{role}@"))
}

/// Puts load on all operations at once. Returns the highest number of connections.
async fn connections_under_load(database: &Database, instance: &Instance) -> i64 {
    let mut most = 0;
    for round in 0..5 {
        let working = async {
            instance.store(round * 100 + 1..=round * 100 + 100).await;
            let mut done = 0;
            while done < 100 {
                let claimed = instance.inbox.claim(40, Claimable::Any).await.unwrap();
                done += claimed.len();
                join_all(claimed.iter().map(|delivery| instance.settle(delivery.lease, Verdict::Done))).await;
            }
        };
        let sweeping = async { instance.inbox.sweep().await.unwrap() };
        let looking = async {
            let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = \
                        'doorbell'";
            number(database, open).await
        };
        let round = Box::pin(async { tokio::join!(working, sweeping, looking) });
        let ((), (), open) = soon("a round of load", round).await;
        most = most.max(open);
    }
    most
}

#[tokio::test]
async fn an_instance_has_at_most_max_connections() {
    let Some(database) = Database::fresh().await else { return };
    for most in [2, 3, 5] {
        let Some(database) = Database::fresh().await else { return };
        let instance = Instance::open(&database.url, most);
        instance.is_ready().await;
        let open = connections_under_load(&database, &instance).await;
        assert!((1..=i64::try_from(most).unwrap()).contains(&open), "{open} of {most}");
    }
    drop(database);
}

#[tokio::test]
async fn an_instance_works_with_the_connections_that_the_server_has_left() {
    let Some(database) = Database::fresh().await else { return };
    let url = role(&database, 1).await;
    let instance = Instance::open(&url, 5);
    instance.is_ready().await;
    assert_eq!(connections_under_load(&database, &instance).await, 1);
    // A second instance gets no connection and reports it. It works as soon as one is free.
    let second = Instance::open(&url, 5);
    let why = until("the reason", async || {
        let why = second.inbox.survey().await.err().map(|error| doorbell::telemetry::chain(&error).to_string());
        why.filter(|why| !why.contains("is connecting to it"))
    })
    .await;
    assert!(why.contains("The server has no connection left for this instance"), "{why}");
    assert!(why.contains("inbox.max_connections"), "{why}");
    drop(instance);
    second.is_ready().await;
    second.store([9_001]).await;
}

#[test]
fn too_few_connections_are_refused_with_the_lowest_valid_number() {
    let folder = tempfile::tempdir().unwrap();
    for few in ["0", "1"] {
        let ended = run(&["settings"], &[("DOORBELL__INBOX__MAX_CONNECTIONS", few)], folder.path());
        assert_eq!(ended.code, 2);
        assert!(ended.stderr.contains("an instance needs 2 connections at least"), "{}", ended.stderr);
    }
    let ended = run(&["settings"], &[("DOORBELL__INBOX__MAX_CONNECTIONS", "2")], folder.path());
    assert!(ended.code == 0 && ended.stdout.contains("max_connections"), "{}{}", ended.stdout, ended.stderr);
}
