//! Many instances on one PostgreSQL, and a PostgreSQL that is away, new or slow.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use doorbell::clock::{SystemClock, later};
use doorbell::inbox::{self, Accepted, Claimable, Inbox, InboxError, Stored, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{ChatKey, Kind, Update, UpdateId};
use futures_util::future::join_all;
use jiff::Timestamp;

use crate::harness::postgres::{Database, Server};
use crate::harness::waiting::{soon, until};

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

impl Instance {
    fn open(database: &Database) -> Self {
        let url = InboxUrl::Postgres(database.url.clone().into());
        let settings = InboxSettings { url, capacity: 10_000, keep_done: Duration::from_hours(48), max_connections: 5 };
        let shutdown = Shutdown::new();
        let clock = Arc::new(SystemClock);
        let inbox = inbox::open(&settings, BotId(1), clock, &shutdown, Arc::default()).unwrap();
        Self { inbox, shutdown }
    }

    async fn ready(database: &Database) -> Self {
        let instance = Self::open(database);
        until("the database to be used", async || instance.inbox.survey().await.ok()).await;
        instance
    }

    async fn store(&self, id: i64, chat: i64) -> Result<Accepted, InboxError> {
        self.inbox.accept(message(id, chat)).await
    }

    /// Claims and settles updates until `enough` is true. Returns their ids, each with its chat.
    async fn serve(&self, enough: impl Fn() -> bool) -> Vec<(ChatKey, UpdateId)> {
        let mut served = Vec::new();
        while !enough() {
            let claimed = self.inbox.claim(5, Claimable::Any).await.unwrap();
            for delivery in claimed {
                served.push((delivery.lease.chat_key, delivery.update.id));
                self.inbox.settle(delivery.lease, Verdict::Done).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
        served
    }
}

fn message(id: i64, chat: i64) -> Update {
    #[expect(clippy::disallowed_methods, reason = "the clock of the database cannot be moved by hand either")]
    let now = Timestamp::now();
    Update {
        id: UpdateId(id),
        kind: Kind::named("message"),
        chat_key: ChatKey::chat(chat),
        received_at: now,
        expires_at: later(now, Duration::from_hours(24)),
        sent_at: None,
        body: Bytes::from_static(b"{}"),
    }
}

#[tokio::test]
async fn two_instances_together_serve_each_update_once_and_each_chat_in_order() {
    let Some(database) = Database::fresh().await else { return };
    let instances = [Instance::ready(&database).await, Instance::ready(&database).await];
    let (chats, each) = (10, 20);
    let served_so_far = std::cell::Cell::new(0);
    let offering = join_all((0..chats).map(|chat| {
        let instances = &instances;
        async move {
            for turn in 0..each {
                // Telegram sends the next update of a chat when the last one was acknowledged. The load balancer of the
                // platform chooses the instance. Some updates are delivered twice.
                let id = chat * 1_000 + turn;
                for instance in [turn % 2, 0, 1].map(|which| &instances[usize::try_from(which).unwrap()]) {
                    instance.store(id, chat).await.unwrap();
                }
            }
        }
    }));
    let order: std::cell::RefCell<HashMap<ChatKey, Vec<i64>>> = std::cell::RefCell::default();
    let serving = join_all(instances.iter().map(|instance| async {
        while served_so_far.get() < chats * each {
            for delivery in instance.inbox.claim(3, Claimable::Any).await.unwrap() {
                order.borrow_mut().entry(delivery.lease.chat_key).or_default().push(delivery.update.id.0);
                served_so_far.set(served_so_far.get() + 1);
                instance.inbox.settle(delivery.lease, Verdict::Done).await.unwrap();
            }
        }
    }));
    soon("all to be served", async { tokio::join!(offering, serving) }).await;
    let order = order.into_inner();
    for chat in 0..chats {
        let expected: Vec<i64> = (0..each).map(|turn| chat * 1_000 + turn).collect();
        assert_eq!(order[&ChatKey::chat(chat)], expected);
    }
    assert_eq!(instances[0].inbox.survey().await.unwrap(), inbox::Survey::default());
}

#[tokio::test]
async fn an_idle_instance_claims_what_another_one_accepted() {
    let Some(database) = Database::fresh().await else { return };
    let [busy, idle] = [Instance::ready(&database).await, Instance::ready(&database).await];
    busy.store(1, 1).await.unwrap();
    let claiming = async {
        loop {
            idle.inbox.ready(Claimable::Any).await;
            if let Some(delivery) = idle.inbox.claim(1, Claimable::Any).await.unwrap().pop() {
                return delivery;
            }
        }
    };
    assert_eq!(soon("the other's update", claiming).await.update.id, UpdateId(1));
}

#[tokio::test]
async fn an_update_that_is_overtaken_on_the_way_into_its_chat_is_handled_later_and_not_lost() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    instance.store(1, 7).await.unwrap();
    let mut other = database.connect().await;
    // Another instance has locked the chat. Ours draws a sequence number for 2 and waits. The other one draws a later
    // number for 3, and commits first.
    let lock = "BEGIN; SELECT FROM doorbell.chats WHERE chat_key = 'chat:7' FOR UPDATE";
    sqlx::raw_sql(lock).execute(&mut other).await.unwrap();
    let overtaking = async {
        let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        until("ours to wait", async || {
            let waiting = sqlx::raw_sql(waits).execute(&mut database.connect().await).await.unwrap();
            (waiting.rows_affected() > 0).then_some(())
        })
        .await;
        let accept =
            "SELECT doorbell.accept_1('{3}', '{chat:7}', '{message}', '{1}', '{1}', ARRAY[''::bytea], 100, 0, NULL);
                      COMMIT";
        sqlx::raw_sql(accept).execute(&mut other).await.unwrap();
    };
    let (accepted, ()) = tokio::join!(instance.store(2, 7), overtaking);
    assert_eq!(accepted.unwrap(), Accepted::Stored);
    let served = std::cell::Cell::new(0);
    let serving = instance.serve(|| served.replace(served.get() + 1) > 50);
    let served: Vec<i64> = soon("all to be served", serving).await.into_iter().map(|(_, id)| id.0).collect();
    assert_eq!(served, [1, 3, 2]);
}

#[tokio::test]
async fn instances_that_start_at_the_same_time_create_the_tables_once() {
    let Some(database) = Database::fresh().await else { return };
    let instances: Vec<_> = join_all((0..5).map(|_| Instance::ready(&database))).await;
    for (id, instance) in (0..).zip(&instances) {
        assert_eq!(instance.store(id, id).await.unwrap(), Accepted::Stored);
    }
}

#[tokio::test]
async fn a_newer_database_is_used_only_if_it_allows_this_version() {
    let Some(database) = Database::fresh().await else { return };
    drop(Instance::ready(&database).await);
    database.run("UPDATE doorbell.schema_version SET version = 99").await;
    drop(Instance::ready(&database).await);
    database.run("UPDATE doorbell.schema_version SET oldest = 99").await;
    let refused = Instance::open(&database).store(1, 1).await;
    assert!(matches!(refused, Err(InboxError::Unavailable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_target_that_one_instance_saves_is_read_by_the_others() {
    let Some(database) = Database::fresh().await else { return };
    let [one, other] = [Instance::ready(&database).await, Instance::ready(&database).await];
    for (from, to, target) in [(&one, &other, "{}"), (&other, &one, r#"{"is_paused":true}"#)] {
        from.inbox.save(Stored::Target, target).await.unwrap();
        assert_eq!(to.inbox.load(Stored::Target).await.unwrap().as_deref(), Some(target));
    }
    // Each saves its own at the same time: one of them stays, and it is whole.
    let (saved, also) = tokio::join!(one.inbox.save(Stored::Target, "[1]"), other.inbox.save(Stored::Target, "[2]"));
    assert!(saved.is_ok() && also.is_ok(), "{saved:?} {also:?}");
    let kept = one.inbox.load(Stored::Target).await.unwrap();
    assert!(kept.as_deref().is_some_and(|kept| ["[1]", "[2]"].contains(&kept)), "{kept:?}");
    assert_eq!(kept, other.inbox.load(Stored::Target).await.unwrap());
}

#[tokio::test]
async fn a_database_of_this_version_can_be_used_by_programs_of_every_earlier_version() {
    let Some(database) = Database::fresh().await else { return };
    drop(Instance::ready(&database).await);
    // A program of version 3 accepts a newer schema whose `oldest` is not greater than 3.
    database.run("DO $$ BEGIN ASSERT (SELECT version > 3 AND oldest <= 3 FROM doorbell.schema_version); END $$").await;
}

#[tokio::test]
async fn an_instance_waits_for_a_database_that_is_away() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    server.stop_immediately();
    let asked = Instant::now();
    let instance = Instance::open(&database);
    assert!(asked.elapsed() < Duration::from_secs(1), "opening does not wait");
    let refused = instance.store(1, 1).await;
    assert!(matches!(refused, Err(InboxError::Unavailable(_))), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_secs(5), "Telegram gets an answer soon");
    server.start_again();
    until("the update to be stored", async || instance.store(1, 1).await.ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_fails_repeatedly_loses_no_acknowledged_update() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    let instance = Instance::ready(&database).await;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let ids: Vec<i64> = (round * 100..round * 100 + 100).collect();
        let failing = async {
            // The updates are being stored meanwhile.
            until("some to be stored", async || instance.inbox.survey().await.ok()).await;
            server.stop_immediately();
            server.start_again();
        };
        let offers = join_all(ids.iter().map(|id| instance.store(*id, id % 7)));
        let (answers, ()) = tokio::join!(offers, failing);
        acknowledged.extend(ids.into_iter().zip(answers).filter_map(|(id, answer)| answer.ok().map(|_| id)));
        until("the server to be back", async || instance.store(1_000 + round, 1).await.ok()).await;
    }
    for id in acknowledged {
        assert_eq!(instance.store(id, 0).await.unwrap(), Accepted::Known);
    }
}

#[tokio::test]
async fn a_server_that_hangs_delays_an_answer_only_briefly() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    let instance = Instance::ready(&database).await;
    instance.store(1, 1).await.unwrap();
    server.pause();
    let asked = Instant::now();
    let refused = instance.store(2, 2).await;
    assert!(matches!(refused, Err(InboxError::Unavailable(_))), "{refused:?}");
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    server.resume();
    until("the update to be stored", async || instance.store(2, 2).await.ok()).await;
}
