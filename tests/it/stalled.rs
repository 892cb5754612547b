//! An instance that stalls past its leases: another one takes over, and the outcomes of the first are refused when it
//! runs again.

use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock};
use doorbell::dispatch::{self, Dispatch};
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::inbox::{
    self, Accepted, Claimable, Delivery, Inbox, InboxError, LEASE, Lease, Record, Selection, Stored, Survey, Verdict,
};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::{BotApi as Client, BotToken, Call, RateLimitedApi};
use doorbell::telemetry::Traces;
use doorbell::trail::Trail;
use doorbell::update::{Update, UpdateId};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::harness::postgres::Database;
use crate::harness::waiting::{soon, until};
use crate::harness::{
    FakeBotApi, KeepAliveClient, Program, SteppedClock, browse_through_inbox, message, serve_echo_at,
};

const CHATS: i64 = 30;

struct Pair {
    telegram: FakeBotApi,
    database: Database,
    folders: [TempDir; 2],
}

impl Pair {
    fn serve(&self, which: usize) -> Program {
        let api = self.telegram.url_of(which);
        serve_echo_at(&api, &self.database.url, self.folders[which].path(), &[])
    }

    fn log(&self, which: usize) -> String {
        std::fs::read_to_string(self.folders[which].path().join("log")).unwrap()
    }
}

/// Delivers the update with this number in every chat.
async fn deliver_all(program: &Program, turn: i64) {
    let mut client = KeepAliveClient::connect(program.addr).await.unwrap();
    for chat in 1..=CHATS {
        let update = message(chat * 100 + turn, chat, &format!("/echo {turn}"));
        // The service may not have reached the database yet.
        while client.deliver(&update).await.unwrap().status != 200 {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_stopped_past_its_leases_loses_them_to_another_and_settles_nothing_late() {
    let Some(database) = Database::fresh().await else { return };
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let pair = Pair { telegram: FakeBotApi::start().await, database, folders };
    let telegram = &pair.telegram;
    telegram.hang_of(0, true);
    let first = pair.serve(0);
    for turn in 1..=3 {
        deliver_all(&first, turn).await;
    }
    telegram
        .until("the first has sent one to each chat", |api| (1..=CHATS).all(|chat| api.sent(chat).len() == 1))
        .await;
    first.signal("STOP");
    let second = pair.serve(1);
    deliver_all(&second, 4).await;
    let unbroken = telegram.sent(1).len();
    assert_eq!(unbroken, 1, "leases stand although their owner does not move");
    pair.database.run("UPDATE doorbell.chats SET due_at = due_at - interval '61 s' WHERE token <> 0").await;
    let all_have = |turn: i64| move |api: &FakeBotApi| (1..=CHATS).all(|chat| api.last(chat) == Some(turn.to_string()));
    telegram.until("the second has taken over", all_have(4)).await;
    first.signal("CONT");
    telegram.hang_of(0, false);
    until("the late outcomes are refused", async || {
        let refused = pair.log(0).matches("the outcome of an attempt was not recorded").count();
        (refused >= usize::try_from(CHATS).unwrap()).then_some(())
    })
    .await;
    deliver_all(&first, 5).await;
    telegram.until("both go on", all_have(5)).await;
    for chat in 1..=CHATS {
        let texts: Vec<String> = telegram.sent(chat).into_iter().map(|sent| sent.text).collect();
        assert_eq!(texts, ["1", "1", "2", "3", "4", "5"], "only what the first had sent came twice");
    }
    let open = "SELECT 1 FROM doorbell.chats";
    until("nothing is left", async || {
        let left = sqlx::raw_sql(open).execute(&mut pair.database.connect().await).await.unwrap();
        (left.rows_affected() == 0).then_some(())
    })
    .await;
}

/// A handler that reports when it has begun, and continues when the test allows it.
struct Slow {
    begun: Semaphore,
    may_go_on: Semaphore,
}

#[async_trait::async_trait]
impl Handler for Slow {
    async fn handle(&self, _: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        self.begun.add_permits(1);
        self.may_go_on.acquire().await.unwrap().forget();
        Ok(vec![Call::send_message(7, "once".to_owned())])
    }
}

#[tokio::test]
async fn an_attempt_that_wakes_up_past_its_lease_makes_no_call_that_another_instance_may_have_made() {
    let telegram = FakeBotApi::start().await;
    let clock = ManualClock::new(Timestamp::from_second(1_700_000_000).unwrap());
    let token = "123456789:AAtestStalledInstanceOfTheTests01";
    let sources = Sources::default()
        .with("telegram.bot_token", token)
        .with("telegram.api_url", telegram.url())
        .with("dispatch.handler_timeout", "5m")
        .with("inbox.url", "memory:");
    let settings = Settings::load(&sources, Need::Token).unwrap_or_else(|error| panic!("{error}"));
    let (shutdown, shared, slow) = (
        Shutdown::new(),
        Arc::new(clock.clone()),
        Arc::new(Slow { begun: Semaphore::new(0), may_go_on: Semaphore::new(0) }),
    );
    let token = BotToken::new(token.to_owned().into());
    let inbox = inbox::open(&settings.inbox, token.bot_id(), shared.clone(), &shutdown, Arc::default()).unwrap();
    let api =
        RateLimitedApi::new(Client::new(&settings.telegram, token, shared.clone()), &settings.outbound, shared.clone());
    let deps = dispatch::Deps {
        inbox: inbox.clone(),
        is_memory: false,
        handler: slow.clone(),
        api,
        traces: Traces::default(),
        trail: Trail::default(),
        clock: shared,
        shutdown: shutdown.clone(),
    };
    let dispatch = Dispatch::new(deps, settings.dispatch.clone());
    let update = Update::parse(message(1, 7, "Hello").to_string().into(), clock.now()).unwrap();
    let offering = shutdown.tasks.spawn({
        let inbox = inbox.clone();
        async move { inbox.accept(update).await }
    });
    until("it is stored", async || (inbox.survey().await.unwrap().waiting == 1).then_some(())).await;
    let draining = shutdown.tasks.spawn({
        let dispatch = dispatch.clone();
        async move { dispatch.drain().await }
    });
    soon("the handler begins", slow.begun.acquire()).await.unwrap().forget();
    // The process stalls, so its leases are not extended, and another instance takes over.
    clock.advance(LEASE);
    inbox.sweep().await.unwrap();
    let others = inbox.claim(1, Claimable::Any).await.unwrap().pop().expect("the lease has lapsed");
    slow.may_go_on.add_permits(1);
    soon("the late attempt ends", draining).await.unwrap();
    assert!(telegram.sent(7).is_empty(), "the call is the other's");
    inbox.settle(others.lease, Verdict::Released).await.unwrap();
    slow.may_go_on.add_permits(1);
    soon("the next attempt ends", dispatch.drain()).await;
    let sent: Vec<String> = telegram.sent(7).into_iter().map(|sent| sent.text).collect();
    assert_eq!(sent, ["once"], "by the attempt that had a lease");
    offering.abort();
    shutdown.stop_hard();
}

/// An inbox whose sweeps do not end.
struct SweepsForEver {
    inbox: Arc<dyn Inbox>,
    sweeping: Semaphore,
}

browse_through_inbox!(SweepsForEver);

#[async_trait::async_trait]
impl Inbox for SweepsForEver {
    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.inbox.accept(update).await
    }

    async fn ready(&self, which: Claimable) {
        self.inbox.ready(which).await;
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        self.inbox.claim(limit, which).await
    }

    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.inbox.settle(lease, verdict).await
    }

    async fn extend(&self, leases: &[Lease]) -> Result<(), InboxError> {
        self.inbox.extend(leases).await
    }

    async fn survey(&self) -> Result<Survey, InboxError> {
        self.inbox.survey().await
    }

    async fn list(&self, which: &Selection, limit: usize) -> Result<Vec<Record>, InboxError> {
        self.inbox.list(which, limit).await
    }

    async fn revive(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.inbox.revive(which).await
    }

    async fn discard(&self, which: &Selection) -> Result<Vec<UpdateId>, InboxError> {
        self.inbox.discard(which).await
    }

    async fn drop_waiting(&self) -> Result<u64, InboxError> {
        self.inbox.drop_waiting().await
    }

    async fn save(&self, which: Stored, value: &str) -> Result<(), InboxError> {
        self.inbox.save(which, value).await
    }

    async fn load(&self, which: Stored) -> Result<Option<String>, InboxError> {
        self.inbox.load(which).await
    }

    async fn sweep(&self) -> Result<(), InboxError> {
        self.sweeping.add_permits(1);
        std::future::pending().await
    }
}

#[tokio::test]
async fn leases_are_extended_during_a_sweep_of_any_length() {
    let clock = SteppedClock::new();
    let folder = tempfile::tempdir().unwrap();
    let token = "123456789:AAtestStalledInstanceOfTheTests01";
    let sources = Sources::default()
        .with("telegram.bot_token", token)
        .with("dispatch.handler_timeout", "1h")
        .with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let settings = Settings::load(&sources, Need::Token).unwrap_or_else(|error| panic!("{error}"));
    let (shutdown, shared) = (Shutdown::new(), Arc::new(clock.clone()));
    let token = BotToken::new(token.to_owned().into());
    let tasks = &shutdown.tasks;
    let file = inbox::open(&settings.inbox, token.bot_id(), shared.clone(), &shutdown, Arc::default()).unwrap();
    let inbox = Arc::new(SweepsForEver { inbox: file.clone(), sweeping: Semaphore::new(0) });
    let slow = Arc::new(Slow { begun: Semaphore::new(0), may_go_on: Semaphore::new(0) });
    let api =
        RateLimitedApi::new(Client::new(&settings.telegram, token, shared.clone()), &settings.outbound, shared.clone());
    let deps = dispatch::Deps {
        inbox: inbox.clone(),
        is_memory: false,
        handler: slow.clone(),
        api,
        traces: Traces::default(),
        trail: Trail::default(),
        clock: shared,
        shutdown: shutdown.clone(),
    };
    let dispatch = Dispatch::new(deps, settings.dispatch.clone());
    let update = Update::parse(message(1, 7, "Hello").to_string().into(), clock.steady()).unwrap();
    assert_eq!(file.accept(update).await.unwrap(), Accepted::Stored);
    let (leases, sweep, work) = (dispatch.clone(), dispatch.clone(), dispatch.clone());
    tasks.spawn(async move { leases.maintain_leases().await });
    tasks.spawn(async move { sweep.sweep_inbox().await });
    tasks.spawn(async move { work.drain().await });
    soon("the handler begins", slow.begun.acquire()).await.unwrap().forget();
    for _ in 0..4 {
        for _ in 0..LEASE.as_secs() {
            clock.manual.advance(Duration::from_secs(1));
            // The tasks whose time has come run, and sleep again.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        }
        // The store's own sweep releases leases that have lapsed.
        file.sweep().await.unwrap();
        assert_eq!(file.survey().await.unwrap().held, 1, "the lease stands");
    }
    assert_eq!(inbox.sweeping.available_permits(), 1, "a sweep is under way all the time");
    shutdown.stop_hard();
}
