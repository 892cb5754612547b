//! No more updates with an effect are in progress than `dispatch.concurrency`, from the claim until the outcome is
//! recorded. So a `kill -9` repeats no more replies than that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use doorbell::clock::{Clock, SystemClock};
use doorbell::dispatch::{self, Dispatch};
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::inbox::{
    self, Accepted, Claimable, Delivery, Inbox, InboxError, Lease, Record, Selection, Stored, Survey, Verdict,
};
use doorbell::lifecycle::Shutdown;
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::{BotApi, BotToken, Call, RateLimitedApi};
use doorbell::telemetry::Traces;
use doorbell::trail::Trail;
use doorbell::update::{Update, UpdateId};
use tokio::sync::Semaphore;

use crate::harness::waiting::until;
use crate::harness::{HandlerFn, browse_through_inbox, handler_fn, message};

/// The number of updates, each of another chat.
const UPDATES: usize = 20;

/// An inbox that records an outcome only when the test permits it.
struct ThrottledInbox {
    inbox: Arc<dyn Inbox>,
    may_write: Semaphore,
    progress: Arc<Progress>,
}

browse_through_inbox!(ThrottledInbox);

/// Counts the updates between the handler and the inbox.
#[derive(Default)]
struct Progress {
    handled: AtomicUsize,
    written: AtomicUsize,
    most: AtomicUsize,
}

impl Progress {
    fn handle(&self) {
        let handled = self.handled.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(handled - self.written.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

#[async_trait]
impl Inbox for ThrottledInbox {
    async fn settle(&self, lease: Lease, verdict: Verdict) -> Result<(), InboxError> {
        self.may_write.acquire().await.expect("it is never closed").forget();
        self.progress.written.fetch_add(1, Ordering::SeqCst);
        self.inbox.settle(lease, verdict).await
    }

    async fn accept(&self, update: Update) -> Result<Accepted, InboxError> {
        self.inbox.accept(update).await
    }

    async fn ready(&self, which: Claimable) {
        self.inbox.ready(which).await;
    }

    async fn claim(&self, limit: usize, which: Claimable) -> Result<Vec<Delivery>, InboxError> {
        self.inbox.claim(limit, which).await
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
        self.inbox.sweep().await
    }
}

/// A handler whose only effects are the calls that it returns, as of the commands in the settings.
struct WithoutSideEffects(HandlerFn);

#[async_trait]
impl Handler for WithoutSideEffects {
    async fn handle(&self, update: &Update, context: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        self.0.handle(update, context).await
    }

    fn has_side_effects(&self) -> bool {
        false
    }
}

/// What the handler does.
#[derive(Clone, Copy, PartialEq)]
enum Effects {
    /// It returns no calls, and may have effects that dispatch does not see.
    Unknown,
    /// It returns a call.
    Call,
    /// Nothing.
    None,
}

/// Handles all updates with this concurrency. No outcome is recorded before `expected` updates are handled, and then one
/// at a time. Returns the largest number of updates that were handled and not yet recorded.
async fn most_in_progress(effects: Effects, concurrency: usize, expected: usize) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let token = "123456789:AAtestTheTokenOfTheSlotsTests01234567";
    let sources = Sources::default()
        .with("telegram.bot_token", token)
        .with("dispatch.concurrency", i64::try_from(concurrency).unwrap())
        .with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let settings = Settings::load(&sources, Need::Token).unwrap();
    let (shutdown, clock, progress) = (Shutdown::new(), Arc::new(SystemClock), Arc::<Progress>::default());
    let token = BotToken::new(token.to_owned().into());
    let inbox = inbox::open(&settings.inbox, token.bot_id(), clock.clone(), &shutdown, Arc::default()).unwrap();
    let inbox = Arc::new(ThrottledInbox { inbox, may_write: Semaphore::new(0), progress: Arc::clone(&progress) });
    for id in 1..=i64::try_from(UPDATES).unwrap() {
        let body = message(id, id, "Hello").to_string().into();
        inbox.accept(Update::parse(body, clock.now()).unwrap()).await.unwrap();
    }
    let api =
        RateLimitedApi::new(BotApi::new(&settings.telegram, token, clock.clone()), &settings.outbound, clock.clone());
    let handling = Arc::clone(&progress);
    let handler = handler_fn(move |_| {
        handling.handle();
        // This call is refused without being sent, so the test needs no Bot API.
        let calls = if effects == Effects::Call { vec![Call::new("close")] } else { Vec::new() };
        async { Ok(calls) }
    });
    let handler: Arc<dyn Handler> =
        if effects == Effects::Unknown { Arc::new(handler) } else { Arc::new(WithoutSideEffects(handler)) };
    let deps = dispatch::Deps {
        inbox: inbox.clone(),
        is_memory: false,
        handler,
        api,
        traces: Traces::default(),
        trail: Trail::default(),
        clock,
        shutdown: shutdown.clone(),
    };
    let dispatch = Dispatch::new(deps, settings.dispatch);
    let running = shutdown.tasks.spawn(async move { dispatch.run().await });
    let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    until("all slots are in use", async || (count(&progress.handled) == expected).then_some(())).await;
    for written in 1..=UPDATES {
        inbox.may_write.add_permits(1);
        until("an outcome is written", async || (count(&progress.written) == written).then_some(())).await;
    }
    until("all are done", async || (inbox.survey().await.unwrap().held == 0).then_some(())).await;
    assert_eq!((count(&progress.handled), inbox.survey().await.unwrap().waiting), (UPDATES, 0));
    shutdown.soft.cancel();
    running.await.unwrap();
    count(&progress.most)
}

#[tokio::test]
async fn no_more_updates_are_in_progress_than_the_concurrency() {
    for concurrency in [1, 2, 5] {
        for effects in [Effects::Unknown, Effects::Call] {
            assert_eq!(most_in_progress(effects, concurrency, concurrency).await, concurrency);
        }
    }
}

#[tokio::test]
async fn updates_without_an_effect_free_their_slots_and_are_bounded_too() {
    // With one slot, an update is over when the next one begins.
    assert_eq!(most_in_progress(Effects::None, 1, 1).await, 1);
    // At most five for each slot but the first, which has one.
    assert_eq!(most_in_progress(Effects::None, 2, 6).await, 6);
}
