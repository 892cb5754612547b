//! Updates that are claimed as they are stored, lanes over many instances on one PostgreSQL, and a version without lanes.
#![expect(clippy::unwrap_used, reason = "a test that fails says so by panicking")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorbell::clock::{Clock, ManualClock, SharedClock, SystemClock, later};
use doorbell::inbox::{self, Claimable, Delivery, Inbox, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{InboxSettings, InboxUrl};
use doorbell::telegram::BotId;
use doorbell::update::{ChatKey, Kind, Lane, Update, UpdateId};
use jiff::Timestamp;

use crate::harness::postgres::Database;
use crate::harness::waiting::{soon, until};

const CLAIMED: &str = "SELECT count(*) FROM doorbell.chats WHERE token <> 0";

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
    async fn ready(database: &Database) -> Self {
        Self::at(database, Arc::new(SystemClock)).await
    }

    async fn at(database: &Database, clock: SharedClock) -> Self {
        let url = InboxUrl::Postgres(database.url.clone().into());
        let settings = InboxSettings { url, capacity: 10_000, keep_done: Duration::from_hours(48), max_connections: 4 };
        let shutdown = Shutdown::new();
        let inbox = inbox::open(&settings, BotId(1), clock, &shutdown, Arc::default()).unwrap();
        let instance = Self { inbox, shutdown };
        until("the database to be used", async || instance.inbox.survey().await.ok()).await;
        instance
    }

    /// Stores an update while this instance waits for updates and has ten free slots.
    async fn store_while_waiting(&self, update: Update) {
        assert!(self.claim(Claimable::Any).await.is_empty(), "nothing waits yet");
        tokio::join!(soon("an update to be ready", self.inbox.ready(Claimable::Any)), async {
            self.inbox.accept(update).await.unwrap();
        });
    }

    async fn claim(&self, which: Claimable) -> Vec<Delivery> {
        self.inbox.claim(10, which).await.unwrap()
    }

    /// Claims until there is something.
    async fn next(&self) -> Delivery {
        until("an update to claim", async || self.claim(Claimable::Any).await.pop()).await
    }
}

fn update(id: i64, kind: &str, chat_key: ChatKey) -> Update {
    #[expect(clippy::disallowed_methods, reason = "the clock of the database cannot be moved by hand either")]
    let now = Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap();
    Update {
        id: UpdateId(id),
        kind: Kind::named(kind),
        chat_key,
        received_at: now,
        expires_at: later(now, Duration::from_hours(24)),
        sent_at: None,
        body: Bytes::from(format!(r#"{{"update_id":{id}}}"#)),
    }
}

fn message(id: i64) -> Update {
    update(id, "message", ChatKey::chat(id))
}

#[tokio::test]
async fn an_update_is_claimed_as_it_is_stored_if_its_instance_waits_for_one() {
    let Some(database) = Database::fresh().await else { return };
    // Its clock stands still, so the update is not given back.
    let one = Instance::at(&database, Arc::new(ManualClock::new(SystemClock.now()))).await;
    let other = Instance::ready(&database).await;
    one.store_while_waiting(message(1)).await;
    assert_eq!(database.number(CLAIMED).await, 1);
    assert!(other.claim(Claimable::Any).await.is_empty(), "it is claimed");
    let claimed = one.claim(Claimable::Any).await;
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    let delivery = &claimed[0];
    assert_eq!((&delivery.update, delivery.attempt, delivery.crash_count), (&message_as(&delivery.update), 1, 0));
    one.inbox.settle(delivery.lease, Verdict::Done).await.unwrap();
    assert_eq!(database.number("SELECT count(*) FROM doorbell.updates WHERE state = 2 AND body IS NULL").await, 1);
    assert_eq!(one.inbox.survey().await.unwrap(), inbox::Survey::default());
}

/// The first update at the time at which this one arrived.
fn message_as(arrived: &Update) -> Update {
    Update { received_at: arrived.received_at, expires_at: arrived.expires_at, ..message(1) }
}

#[tokio::test]
async fn an_update_that_nobody_takes_is_given_back_to_all_instances() {
    let Some(database) = Database::fresh().await else { return };
    let [one, other] = [Instance::ready(&database).await, Instance::ready(&database).await];
    one.store_while_waiting(message(1)).await;
    let delivery = other.next().await;
    assert_eq!((delivery.update.id, delivery.attempt, delivery.crash_count), (UpdateId(1), 1, 0));
    assert!(one.claim(Claimable::Any).await.is_empty(), "it is with the other instance");
}

#[tokio::test]
async fn an_update_that_a_stop_leaves_is_given_back_at_once() {
    let Some(database) = Database::fresh().await else { return };
    let [one, other] = [Instance::ready(&database).await, Instance::ready(&database).await];
    one.store_while_waiting(message(1)).await;
    one.shutdown.soft.cancel();
    assert_eq!(other.next().await.update.id, UpdateId(1));
}

#[tokio::test]
async fn an_instance_without_a_free_slot_leaves_updates_to_the_others() {
    let Some(database) = Database::fresh().await else { return };
    let one = Instance::ready(&database).await;
    assert!(one.claim(Claimable::Any).await.is_empty());
    // It waits for nothing: as far as it knows, all of its slots are taken.
    one.inbox.accept(message(1)).await.unwrap();
    assert_eq!(database.number(CLAIMED).await, 0);
    assert_eq!(one.next().await.update.id, UpdateId(1));
}

#[tokio::test]
async fn a_stop_that_one_instance_stores_runs_on_another_while_its_chat_is_busy_on_a_third() {
    let Some(database) = Database::fresh().await else { return };
    let [busy, storing, free] =
        [Instance::ready(&database).await, Instance::ready(&database).await, Instance::ready(&database).await];
    for id in [1, 2] {
        storing.inbox.accept(update(id, "message", ChatKey::chat(5))).await.unwrap();
    }
    let turn = busy.next().await;
    let express = ChatKey::chat(5).in_lane(Lane::Express);
    storing.inbox.accept(update(3, "callback_query", express)).await.unwrap();
    soon("an urgent update to be ready", free.inbox.ready(Claimable::Urgent)).await;
    let urgent = until("the stop", async || free.claim(Claimable::Urgent).await.pop()).await;
    assert_eq!((urgent.update.id, urgent.lease.chat_key), (UpdateId(3), express));
    assert!(free.claim(Claimable::Any).await.is_empty(), "the next message waits behind the turn");
    free.inbox.settle(urgent.lease, Verdict::Done).await.unwrap();
    busy.inbox.settle(turn.lease, Verdict::Done).await.unwrap();
    assert_eq!(free.next().await.update.id, UpdateId(2));
}

#[tokio::test]
async fn a_program_of_the_version_before_claims_no_key_with_a_lane() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    for (id, key) in [(1, ChatKey::chat(1)), (2, ChatKey::chat(1).in_lane(Lane::Express)), (3, ChatKey::user(1))] {
        instance.inbox.accept(update(id, "message", key)).await.unwrap();
    }
    for claim in [
        "claim_1(10, 0)",
        "claim_2(10, 0, NULL, NULL)",
        "claim_3(10, 0, NULL, NULL, '{}', true)",
        "claim_4(10, 0, NULL, NULL, '{}', true)",
    ] {
        database.run("UPDATE doorbell.chats SET token = 0, deaths = 0, due_at = clock_timestamp()").await;
        let sum = format!("SELECT sum(id) FROM doorbell.{claim}");
        assert_eq!(database.number(&sum).await, 4, "{claim}");
    }
    database.run("UPDATE doorbell.chats SET token = 0, deaths = 0, has_calls = true, due_at = clock_timestamp()").await;
    database.run("UPDATE doorbell.updates SET calls_left = '[]'").await;
    assert_eq!(database.number("SELECT sum(id) FROM doorbell.claim_calls_1(10, 60000, '{}', true)").await, 4);
    assert_eq!(instance.next().await.update.id, UpdateId(2), "the others are claimed already");
}

#[tokio::test]
async fn a_program_of_the_version_before_works_on_a_database_with_lanes() {
    let Some(database) = Database::fresh().await else { return };
    let instance = Instance::ready(&database).await;
    let stored = "SELECT cardinality(stored) FROM doorbell.accept_1('{1,2}', '{chat:1,chat:1}', \
        '{pre_checkout_query,message}', '{1,1}', '{4102444800000,4102444800000}', '{a,b}', 100, 0, NULL)";
    assert_eq!(database.number(stored).await, 2);
    let first = instance.next().await;
    let old = format!(
        "SELECT cardinality(doorbell.settle_3('{{chat:1}}', '{{{}}}', '{{1}}', '{{done}}', '{{0}}', '{{NULL}}', '{{NULL}}', 1))",
        first.lease.token
    );
    assert_eq!((first.update.id, database.number(&old).await), (UpdateId(1), 1));
    assert_eq!(instance.next().await.update.id, UpdateId(2));
}

#[tokio::test]
async fn the_database_knows_the_same_times_to_answer_as_the_program() {
    let Some(database) = Database::fresh().await else { return };
    drop(Instance::ready(&database).await);
    for kind in Kind::known().chain(["a_kind_of_tomorrow"]) {
        for key in ChatKey::user(7).all_lanes() {
            let seconds = format!("SELECT coalesce(doorbell.answer_within_1('{kind}', '{key}'), 0)");
            let within = update(1, kind, key).answer_within().unwrap_or_default();
            assert_eq!(database.number(&seconds).await, i64::try_from(within.as_secs()).unwrap(), "{kind} {key}");
        }
    }
}
