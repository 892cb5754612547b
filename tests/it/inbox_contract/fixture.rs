//! A store under test, and the means to move its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorbell::clock::{Clock, ManualClock, SharedClock, SystemClock, later};
use doorbell::inbox::{self, Accepted, Claimable, Delivery, Inbox, InboxError, Lease, Survey, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{ChatKey, Kind, Update, UpdateId};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use sqlx::PgConnection;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::harness::postgres::{BACK_TO_VERSION_6, Database};
use crate::harness::waiting::{soon, until};

/// The store under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreKind {
    Memory,
    Sqlite,
    Postgres,
    Pooled,
}

/// The storage behind it.
enum Storage {
    Memory,
    File(TempDir),
    Database(Database),
}

/// An inbox with its storage and its clock.
pub(super) struct Fixture {
    inbox: Option<Arc<dyn Inbox>>,
    storage: Storage,
    pub(super) settings: InboxSettings,
    /// The bot that the inbox belongs to.
    pub(super) bot: i64,
    clock: TestClock,
    shutdown: Shutdown,
}

/// A lock on a store, held by another program.
pub(super) enum Lock {
    File(rusqlite::Connection),
    Database(PgConnection),
}

impl Lock {
    pub(super) async fn release(self) {
        match self {
            Self::File(file) => file.execute_batch("ROLLBACK").expect("it is locked"),
            Self::Database(mut connection) => {
                sqlx::raw_sql("ROLLBACK").execute(&mut connection).await.expect("it is locked");
            }
        }
    }
}

/// The clock of a store: moved by hand, or the database's own.
enum TestClock {
    Manual(ManualClock),
    Database(Ahead),
}

impl TestClock {
    fn shared(&self) -> SharedClock {
        match self {
            Self::Manual(clock) => Arc::new(clock.clone()),
            Self::Database(clock) => Arc::new(clock.clone()),
        }
    }
}

/// The time of the machine, and of a database on it, plus this many milliseconds.
#[derive(Clone, Debug, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    fn of(&self, at: Timestamp) -> Timestamp {
        later(at, Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.of(SystemClock.now())
    }

    fn steady(&self) -> Timestamp {
        self.of(SystemClock.steady())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        SystemClock.sleep(duration)
    }
}

/// The answer to an offered update. `memory:` answers when the update has been handled.
pub(super) enum Offer {
    Answered(Result<Accepted, InboxError>),
    Open(JoinHandle<Result<Accepted, InboxError>>),
}

impl Offer {
    pub(super) async fn answer(self) -> Result<Accepted, InboxError> {
        match self {
            Self::Answered(answer) => answer,
            Self::Open(task) => soon("the answer to an offer", task).await.expect("accepting does not panic"),
        }
    }
}

/// Runs a test against a store; skips it if that store is not available here.
pub(super) async fn run(kind: StoreKind, promise: impl AsyncFnOnce(&mut Fixture)) {
    let Some(mut fixture) = Fixture::new(kind).await else { return };
    promise(&mut fixture).await;
    fixture.close().await;
}

/// The ids of deliveries.
pub(super) fn ids(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(|delivery| delivery.update.id.0).collect()
}

impl Fixture {
    async fn new(kind: StoreKind) -> Option<Self> {
        let start = Timestamp::from_second(1_700_000_000).expect("a date");
        let (storage, clock) = match kind {
            StoreKind::Memory => (Storage::Memory, TestClock::Manual(ManualClock::new(start))),
            StoreKind::Sqlite => {
                let folder = tempfile::tempdir().expect("a temporary folder");
                (Storage::File(folder), TestClock::Manual(ManualClock::new(start)))
            }
            StoreKind::Postgres => (Storage::Database(Database::fresh().await?), TestClock::Database(Ahead::default())),
            StoreKind::Pooled => (Storage::Database(Database::pooled().await?), TestClock::Database(Ahead::default())),
        };
        let url = match &storage {
            Storage::Memory => InboxUrl::Memory,
            Storage::File(folder) => InboxUrl::Sqlite(folder.path().join("inbox.db")),
            Storage::Database(database) => InboxUrl::Postgres(database.url.clone().into()),
        };
        let settings = InboxSettings { url, capacity: 10_000, keep_done: Duration::from_hours(48), max_connections: 5 };
        let mut fixture = Self { inbox: None, storage, settings, bot: 1, clock, shutdown: Shutdown::new() };
        fixture.open().await;
        Some(fixture)
    }

    async fn open(&mut self) {
        self.shutdown = Shutdown::new();
        let bot = BotId(self.bot);
        let clock = self.clock.shared();
        let inbox = inbox::open(&self.settings, bot, clock, &self.shutdown, Arc::default()).expect("the store opens");
        until("the store to be ready", async || inbox.survey().await.ok()).await;
        self.inbox = Some(inbox);
    }

    pub(super) async fn close(&mut self) {
        self.shutdown.stop_hard();
        self.inbox = None;
        self.shutdown.tasks.close();
        soon("the store's tasks to end", self.shutdown.tasks.wait()).await;
    }

    /// Closes the store and opens it again, with the current settings.
    pub(super) async fn reopen(&mut self) {
        self.close().await;
        self.open().await;
    }

    /// The inbox as an operator's command opens it while the service runs. With `memory:` it is the service's own.
    pub(super) async fn for_operator(&self) -> Arc<dyn Inbox> {
        if !self.survives_a_restart() {
            return self.inbox();
        }
        let inbox = self.try_for_operator().expect("it exists");
        until("the operator's inbox to answer", async || inbox.survey().await.ok()).await;
        inbox
    }

    /// Opens the inbox as an operator's command does.
    pub(super) fn try_for_operator(&self) -> Result<Arc<dyn Inbox>, InboxError> {
        inbox::open_for_operator(&self.settings, Some(BotId(self.bot)), self.clock.shared())
    }

    /// The target as a check reads it, which changes nothing.
    pub(super) async fn stored_target(&self) -> Option<String> {
        inbox::stored_target(&self.settings, BotId(self.bot), self.clock.shared()).await
    }

    /// Makes the closed inbox what version 5 of the schema left, which could not be paused. Whether the store is a file.
    pub(super) async fn downgrade_to_version_5(&self) -> bool {
        match &self.storage {
            Storage::Memory => {}
            Storage::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("inbox.db")).expect("it is a database");
                let back = "ALTER TABLE service DROP COLUMN paused; DROP INDEX updates_failed; PRAGMA user_version = 5";
                file.execute_batch(back).expect("it has these");
            }
            Storage::Database(database) => {
                let back = "DROP TABLE doorbell.stored; DROP TRIGGER describe ON doorbell.dead; \
                    DROP FUNCTION doorbell.describe_dead_1; ALTER TABLE doorbell.dead DROP COLUMN kind, \
                    DROP COLUMN chat_key, DROP COLUMN received_at, DROP COLUMN reason; \
                    UPDATE doorbell.schema_version SET version = 5";
                database.run(&format!("{BACK_TO_VERSION_6} {back}")).await;
            }
        }
        matches!(self.storage, Storage::File(_))
    }

    /// Makes the closed inbox what version 3 of the schema left, which had no target. Whether the store is a file.
    pub(super) async fn downgrade_to_version_3(&self) -> bool {
        self.downgrade_to_version_5().await;
        match &self.storage {
            Storage::Memory => {}
            Storage::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("inbox.db")).expect("it is a database");
                let back = "ALTER TABLE service DROP COLUMN target; ALTER TABLE updates DROP COLUMN revived; \
                            PRAGMA user_version = 3";
                file.execute_batch(back).expect("it has these columns");
            }
            Storage::Database(database) => {
                let back = "DROP TABLE doorbell.target; ALTER TABLE doorbell.updates DROP COLUMN revived; \
                            DROP FUNCTION doorbell.claim_4, doorbell.claim_calls_1, doorbell.settle_3, \
                            doorbell.revive_3, doorbell.drop_waiting_1; \
                            ALTER TABLE doorbell.chats DROP COLUMN has_calls; \
                            UPDATE doorbell.schema_version SET version = 3";
                database.run(back).await;
            }
        }
        matches!(self.storage, Storage::File(_))
    }

    /// Sets the service's time of day, with no time passing. In a database, the times are changed to what a service with
    /// such a clock would have written.
    pub(super) async fn set_clock(&self, seconds: i64) {
        let step = SignedDuration::from_secs(seconds);
        match (&self.clock, &self.storage) {
            (TestClock::Manual(clock), _) => clock.set(clock.now().checked_add(step).expect("a date")),
            (TestClock::Database(_), Storage::Database(database)) => {
                let written = "UPDATE doorbell.updates SET received_at = received_at - 1000 * ";
                database.run(&format!("{written}({seconds}), expires_at = expires_at - 1000 * ({seconds})")).await;
            }
            (TestClock::Database(_), Storage::Memory | Storage::File(_)) => unreachable!("these have a clock of ours"),
        }
    }

    /// Closes the store and opens it as another process would: its steady clock starts from the present time of day.
    pub(super) async fn restart(&mut self) {
        self.close().await;
        if let TestClock::Manual(clock) = &self.clock {
            self.clock = TestClock::Manual(ManualClock::new(clock.now()));
        }
        self.open().await;
    }

    /// Writes invalid data into the row of an update. Whether the store has rows.
    pub(super) async fn spoil(&self, id: i64) -> bool {
        let spoil = format!("UPDATE updates SET calls_left = 'no JSON' WHERE id = {id}");
        match &self.storage {
            Storage::Memory => return false,
            Storage::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("inbox.db")).expect("it is a database");
                file.execute_batch(&spoil).expect("it has this row");
            }
            Storage::Database(database) => database.run(&spoil.replace("updates", "doorbell.updates")).await,
        }
        true
    }

    /// How many update bodies are stored.
    pub(super) async fn bodies(&self) -> i64 {
        let count = "SELECT count(body) FROM ";
        match &self.storage {
            Storage::Memory => 0,
            Storage::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("inbox.db")).expect("it is a database");
                file.query_row(&format!("{count} updates"), [], |row| row.get(0)).expect("it has this table")
            }
            Storage::Database(database) => database.number(&format!("{count} doorbell.updates")).await,
        }
    }

    /// Lets no other write to the store, until the lock is dropped. `None` if the store is not shared. With `reads`, a
    /// database is not read either.
    pub(super) async fn lock(&self, reads: bool) -> Option<Lock> {
        match &self.storage {
            Storage::Memory => None,
            Storage::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("inbox.db")).expect("it is a database");
                file.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes for long");
                Some(Lock::File(file))
            }
            Storage::Database(database) => {
                let mut connection = database.connect().await;
                let mode = if reads { "ACCESS EXCLUSIVE" } else { "EXCLUSIVE" };
                let lock = format!("BEGIN; LOCK TABLE doorbell.updates IN {mode} MODE");
                sqlx::raw_sql(sqlx::AssertSqlSafe(lock))
                    .execute(&mut connection)
                    .await
                    .expect("nobody locks it for long");
                Some(Lock::Database(connection))
            }
        }
    }

    pub(super) fn inbox(&self) -> Arc<dyn Inbox> {
        Arc::clone(self.inbox.as_ref().expect("it is open"))
    }

    /// Whether updates survive a restart.
    pub(super) fn survives_a_restart(&self) -> bool {
        !matches!(self.storage, Storage::Memory)
    }

    /// Whether claims survive the process that made them, because other instances may be running.
    pub(super) fn holds_across_a_restart(&self) -> bool {
        matches!(self.storage, Storage::Database(_))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.shared().steady()
    }

    /// The moment `seconds` from now.
    pub(super) fn after(&self, seconds: u64) -> Timestamp {
        later(self.now(), Duration::from_secs(seconds))
    }

    /// Lets time pass. A database's clock cannot be moved, so the times that it has written are moved back instead.
    pub(super) async fn pass(&self, span: Duration) {
        match (&self.clock, &self.storage) {
            (TestClock::Manual(clock), _) => clock.advance(span),
            (TestClock::Database(clock), Storage::Database(database)) => {
                clock.0.fetch_add(u64::try_from(span.as_millis()).expect("a short span"), Ordering::Relaxed);
                let span = format!("interval '{} milliseconds'", span.as_millis());
                let chats =
                    format!("UPDATE doorbell.chats SET due_at = due_at - {span}, answer_by = answer_by - {span}");
                let ended = format!(
                    "UPDATE doorbell.updates SET ended_at = ended_at - {span}, accepted_at = accepted_at - {span}"
                );
                database.run(&format!("{chats}; {ended}")).await;
            }
            (TestClock::Database(_), Storage::Memory | Storage::File(_)) => unreachable!("these have a clock of ours"),
        }
    }

    /// A message of a chat.
    pub(super) fn message(&self, id: i64, chat: i64) -> Update {
        let body = format!(r#"{{"update_id":{id},"message":{{"chat":{{"id":{chat}}}}}}}"#);
        self.update(id, "message", ChatKey::chat(chat), Bytes::from(body))
    }

    /// An update with a lifetime of a day.
    pub(super) fn update(&self, id: i64, kind: &str, chat_key: ChatKey, body: Bytes) -> Update {
        // Stores write milliseconds.
        let now = Timestamp::from_millisecond(self.now().as_millisecond()).expect("a valid time");
        let expires_at = later(now, Duration::from_hours(24));
        Update {
            id: UpdateId(id),
            kind: Kind::named(kind),
            chat_key,
            received_at: now,
            expires_at,
            sent_at: None,
            body,
        }
    }

    /// Offers an update. Returns once the store has stored or refused it.
    pub(super) async fn offer(&self, update: Update) -> Offer {
        let inbox = self.inbox();
        if self.survives_a_restart() {
            return Offer::Answered(soon("an update to be stored", inbox.accept(update)).await);
        }
        #[expect(clippy::disallowed_methods, reason = "a test's task ends with the test's runtime")]
        let offer = tokio::spawn(async move { inbox.accept(update).await });
        // The memory store has it when its future was polled once.
        tokio::task::yield_now().await;
        Offer::Open(offer)
    }

    /// Stores messages, as pairs of id and chat, in this order.
    pub(super) async fn store(&self, messages: &[(i64, i64)]) {
        for (id, chat) in messages {
            drop(self.offer(self.message(*id, *chat)).await);
        }
    }

    /// Claims all updates that are ready, at most one of each chat.
    pub(super) async fn claim(&self) -> Vec<Delivery> {
        self.claim_up_to(1_000).await
    }

    pub(super) async fn claim_up_to(&self, limit: usize) -> Vec<Delivery> {
        let mut claimed = self.inbox().claim(limit, Claimable::Any).await.expect("the store answers");
        claimed.sort_by_key(|delivery| delivery.update.id);
        claimed
    }

    /// Waits until an update is ready, and claims it.
    pub(super) async fn next(&self) -> Delivery {
        let inbox = self.inbox();
        let claiming = async {
            loop {
                inbox.ready(Claimable::Any).await;
                if let Some(delivery) = inbox.claim(1, Claimable::Any).await.expect("the store answers").pop() {
                    return delivery;
                }
            }
        };
        soon("an update to be ready", claiming).await
    }

    pub(super) async fn settle(&self, lease: Lease, verdict: Verdict) {
        soon("an attempt to be settled", self.inbox().settle(lease, verdict)).await.expect("the lease stands");
    }

    /// Claims the next update and settles it as done. Returns its id.
    pub(super) async fn work_one(&self) -> i64 {
        let delivery = self.next().await;
        self.settle(delivery.lease, Verdict::Done).await;
        delivery.update.id.0
    }

    /// Claims all updates that are ready, so that the next call of `ready` waits.
    pub(super) async fn work_off(&self) {
        while !self.claim().await.is_empty() {}
    }

    pub(super) async fn survey(&self) -> Survey {
        self.inbox().survey().await.expect("the store answers")
    }

    /// Waiting, held, dead.
    pub(super) async fn counts(&self) -> (u64, u64, u64) {
        let survey = self.survey().await;
        (survey.waiting, survey.held, survey.dead)
    }

    /// The maintenance by a dispatch that handles nothing.
    pub(super) async fn sweep(&self) {
        self.inbox().extend(&[]).await.expect("the store answers");
        self.inbox().sweep().await.expect("the store answers");
    }
}

/// A failure that is retried at `at`.
pub(super) fn retry(at: Timestamp) -> Verdict {
    Verdict::Retry { at, reason: "the handler failed".to_owned() }
}

/// The update is given up.
pub(super) fn dead() -> Verdict {
    Verdict::Dead { reason: "the handler rejected it".to_owned() }
}
