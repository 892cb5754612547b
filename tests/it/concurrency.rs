//! How many updates dispatch works on at once: what a slot is held for, and what bounds the outcomes that are not yet
//! stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use doorbell::clock::{Clock, SystemClock};
use doorbell::dispatch::Dispatch;
use doorbell::inbox::{self, Accepted, Delivery, Inbox, InboxError, Lease, Record, Selection, Survey, Verdict};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::{BotApi, BotToken, PacedApi};
use doorbell::telemetry::Traces;
use doorbell::update::{Update, UpdateId};
use tokio::sync::Semaphore;

use crate::harness::waiting::until;
use crate::harness::{handler_fn, message};

/// Updates, each of a chat of its own.
const UPDATES: usize = 20;

/// An inbox that writes an outcome only when it may.
struct Reluctant {
    inbox: Arc<dyn Inbox>,
    may_write: Semaphore,
    hands: Arc<Hands>,
}

/// What is between its handler and the inbox.
#[derive(Default)]
struct Hands {
    handled: AtomicUsize,
    written: AtomicUsize,
    most: AtomicUsize,
}

impl Hands {
    fn handle(&self) {
        let handled = self.handled.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(handled - self.written.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

#[async_trait]
impl Inbox for Reluctant {
    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.may_write.acquire().await.expect("it is never closed").forget();
        self.hands.written.fetch_add(1, Ordering::SeqCst);
        self.inbox.settle(lease, verdict).await
    }

    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.inbox.accept(update).await
    }

    async fn ready(&self) {
        self.inbox.ready().await;
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Delivery>, InboxError> {
        self.inbox.claim(limit).await
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

    async fn sweep(&self) -> Result<(), InboxError> {
        self.inbox.sweep().await
    }
}

/// Handles all updates in so many places, the outcomes written one at a time and none before `full` updates
/// wait for that; the most that were in hand at once.
async fn most_in_hand(places: usize, full: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let token = "123456789:AAtestTheTokenOfThePlacesTests0123456";
    let sources = Sources::default()
        .with("telegram.bot_token", token)
        .with("dispatch.concurrency", i64::try_from(places).unwrap())
        .with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let settings = Settings::load(&sources, Need::Token).unwrap();
    let (shutdown, clock, hands) = (Shutdown::new(), Arc::new(SystemClock), Arc::<Hands>::default());
    let token = BotToken::new(token.to_owned().into());
    let inbox = inbox::open(&settings.inbox, token.bot_id(), clock.clone(), &shutdown, Arc::default()).unwrap();
    let inbox = Arc::new(Reluctant { inbox, may_write: Semaphore::new(0), hands: Arc::clone(&hands) });
    for id in 1..=i64::try_from(UPDATES).unwrap() {
        let body = message(id, id, "Hello").to_string().into();
        inbox.accept(Update::parse(body, clock.now()).unwrap()).await.unwrap();
    }
    let api = PacedApi::new(BotApi::new(&settings.telegram, token, clock.clone()), &settings.outbound, clock.clone());
    let handling = Arc::clone(&hands);
    let handler = handler_fn(move |_| {
        handling.handle();
        async { Ok(Vec::new()) }
    });
    let (handler, traces) = (Arc::new(handler), Traces::default());
    let dispatch = Dispatch::new(inbox.clone(), handler, api, settings.dispatch, clock, shutdown.clone(), traces);
    let running = shutdown.tasks.spawn(async move { dispatch.run().await });
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    until("all that may be is in hand", async || (count(&hands.handled) == full).then_some(())).await;
    for written in 1..=UPDATES {
        inbox.may_write.add_permits(1);
        until("an outcome is written", async || (count(&hands.written) == written).then_some(())).await;
    }
    until("all are done", async || (inbox.survey().await.unwrap().held == 0).then_some(())).await;
    assert_eq!((count(&hands.handled), inbox.survey().await.unwrap().waiting), (UPDATES, 0));
    shutdown.soft.cancel();
    running.await.unwrap();
    count(&hands.most)
}

#[tokio::test]
async fn updates_are_handled_while_the_outcomes_of_others_are_being_written_and_those_are_bounded() {
    // Two places, and four outcomes on their way for each but the first.
    assert_eq!(most_in_hand(2, 6).await, 6);
}

#[tokio::test]
async fn in_a_single_place_an_update_is_over_and_done_with_before_the_next_is_handled() {
    assert_eq!(most_in_hand(1, 1).await, 1);
}
