//! Two instances whose bots ask for different kinds of updates: the newest `setWebhook` is valid for both.

use std::net::SocketAddr;

use doorbell::clock::SystemClock;
use doorbell::sandbox::{Sandbox, TOKEN};

use crate::harness::postgres::Database;
use crate::harness::waiting::until;
use crate::harness::{TestApp, TestAppBuilder, count_calls, fetch, free_port, start_sandbox};

/// An instance with a bot behind it, and the address of its gateway.
struct Instance {
    app: TestApp,
    gateway: SocketAddr,
}

impl Instance {
    async fn start(database: &Database, sandbox: &Sandbox, public_url: &str) -> Self {
        let gateway = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let wanted = TestAppBuilder::default()
            .with("forward.url", format!("http://127.0.0.1:{}/hook", free_port()))
            .with("gateway.listen", gateway)
            .with("inbox.url", &database.url)
            .with("webhook.public_url", public_url)
            .with("webhook.watch_interval", "1s");
        let mut app = wanted.with_sandbox(sandbox).start().await;
        // The check at the end would need the runtime of this test, which waits for it.
        app.allow_unfinished_work = true;
        app.registered().await;
        Self { app, gateway }
    }

    /// The bot of this instance asks for these kinds.
    async fn asks_for(&self, kinds: &str) {
        let set = format!("/bot{TOKEN}/setWebhook?url=http://bot.test/hook&allowed_updates={kinds}");
        assert_eq!(fetch(self.gateway, &set).await.json()["result"], true);
    }

    /// Waits until this instance uses these kinds.
    async fn uses(&self, wanted: &[&str]) {
        let targets = self.app.targets.as_ref().expect("there is a bot");
        until("the kinds of the instance", async || {
            targets.current().filter(|target| target.allowed_updates.as_ref().is_some_and(|kinds| kinds == wanted))
        })
        .await;
    }
}

/// Waits until Telegram sends these kinds, and both instances have found nothing to repair for some checks.
async fn settles(sandbox: &Sandbox, wanted: &[&str]) {
    let kinds = async || sandbox.webhook().filter(|webhook| webhook.allowed_updates == wanted);
    until("the kinds at Telegram", kinds).await;
    let (mut set, mut checks) = (count_calls(sandbox, "setWebhook"), count_calls(sandbox, "getWebhookInfo"));
    until("checks without a repair", async || {
        let now = count_calls(sandbox, "setWebhook");
        if now != set {
            (set, checks) = (now, count_calls(sandbox, "getWebhookInfo"));
        }
        (count_calls(sandbox, "getWebhookInfo") >= checks + 8).then_some(())
    })
    .await;
    assert_eq!(sandbox.webhook().expect("there is one").allowed_updates, wanted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_newest_setwebhook_of_two_instances_wins_on_both() {
    let Some(database) = Database::fresh().await else { return };
    let sandbox = start_sandbox(&SystemClock).await;
    let public_url = format!("http://127.0.0.1:{}", free_port());
    let one = Instance::start(&database, &sandbox, &public_url).await;
    let other = Instance::start(&database, &sandbox, &public_url).await;
    let (few, more) = (["message"], ["message", "message_reaction"]);
    one.asks_for("[%22message%22]").await;
    other.asks_for("[%22message%22,%22message_reaction%22]").await;
    one.uses(&more).await;
    settles(&sandbox, &more).await;
    one.asks_for("[%22message%22]").await;
    other.uses(&few).await;
    settles(&sandbox, &few).await;
}
