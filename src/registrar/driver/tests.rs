//! The loop against a Bot API over HTTP. What it decides is tested with `step`.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::settings::TelegramSettings;
use crate::telegram::BotToken;

const OURS: &str = "https://a.example.org/telegram/webhook";

/// The next answers of Telegram, and the calls that it received.
#[derive(Default)]
struct Telegram {
    answers: Vec<(&'static str, u16, Value)>,
    webhook: Value,
    asked: Vec<String>,
}

impl Telegram {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let method = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
        self.asked.push(method.clone());
        if let Some(at) = self.answers.iter().position(|(of, ..)| *of == method) {
            let (_, status, body) = self.answers.remove(at);
            return ResponseTemplate::new(status).set_body_json(body);
        }
        let result = match method.as_str() {
            "getMe" => json!({"id": 1, "username": "a_bot"}),
            "getWebhookInfo" => self.webhook.clone(),
            "setWebhook" => {
                let wanted: Value = request.body_json().unwrap();
                let kinds = &wanted["allowed_updates"];
                self.webhook = json!({"url": OURS, "max_connections": 40, "allowed_updates": kinds});
                json!(true)
            }
            _ => json!(true),
        };
        ResponseTemplate::new(200).set_body_json(json!({"ok": true, "result": result}))
    }
}

/// A clock that counts the waits begun, so that a test moves it only while the registrar waits.
#[derive(Clone, Debug)]
struct CountingClock {
    clock: ManualClock,
    waits: watch::Sender<usize>,
}

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn steady(&self) -> Timestamp {
        self.clock.steady()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let sleep = self.clock.sleep(duration);
        self.waits.send_modify(|waits| *waits += 1);
        sleep
    }
}

struct Scene {
    telegram: Arc<Mutex<Telegram>>,
    clock: CountingClock,
    registrar: Registrar,
    soft: CancellationToken,
    _wrong_secrets: watch::Sender<u64>,
    kinds: watch::Sender<Option<Vec<String>>>,
    _server: MockServer,
}

impl Scene {
    async fn new(wanted: Result<WantedWebhook, OffReason>, answers: Vec<(&'static str, u16, Value)>) -> Self {
        let telegram = Arc::new(Mutex::new(Telegram { answers, webhook: json!({"url": ""}), asked: vec![] }));
        let server = MockServer::start().await;
        let answering = Arc::clone(&telegram);
        let respond = move |request: &Request| answering.lock().answer(request);
        Mock::given(any()).respond_with(respond).mount(&server).await;
        let clock = CountingClock { clock: ManualClock::new(Timestamp::UNIX_EPOCH), waits: watch::Sender::new(0) };
        let shared: SharedClock = Arc::new(clock.clone());
        let token = BotToken::new("1:a".to_owned().into());
        let api = BotApi::new(&TelegramSettings::at(&server.uri()), token, Arc::clone(&shared));
        let (wrong_secrets, kinds) = (watch::Sender::new(0), watch::Sender::new(None));
        let deps = Deps {
            api,
            announce: None,
            identity: Identity::default(),
            clock: shared,
            watch_interval: Duration::from_mins(1),
            wrong_secrets: wrong_secrets.subscribe(),
            kinds: kinds.subscribe(),
        };
        let registrar = Registrar::new(wanted, deps);
        let soft = CancellationToken::new();
        Self { telegram, clock, registrar, soft, _wrong_secrets: wrong_secrets, kinds, _server: server }
    }

    /// Runs the registrar during a test, and stops it softly after the test.
    async fn play(&self, test: impl Future<Output = ()>) {
        let stopping = async {
            test.await;
            self.soft.cancel();
        };
        let both = async { tokio::join!(self.registrar.run(&self.soft), stopping).0 };
        let ended = tokio::time::timeout(Duration::from_secs(10), both).await;
        assert_eq!(ended.expect("neither the test nor the registrar hangs"), Ok(()));
    }

    /// Returns the status once the registrar has begun its n-th wait.
    async fn wait(&self, n: usize) -> Status {
        self.clock.waits.subscribe().wait_for(|waits| *waits >= n).await.unwrap();
        self.registrar.status().borrow().clone()
    }

    fn advance(&self, seconds: u64) {
        self.clock.clock.advance(Duration::from_secs(seconds));
    }

    fn asked(&self) -> Vec<String> {
        self.telegram.lock().asked.clone()
    }
}

fn wanted() -> WantedWebhook {
    WantedWebhook { allowed_updates: vec!["message".to_owned()], ..WantedWebhook::for_test(OURS) }
}

fn trouble() -> (&'static str, u16, Value) {
    ("getMe", 500, json!("trouble"))
}

#[tokio::test]
async fn a_webhook_that_is_missing_while_telegram_checks_another_address_was_not_removed() {
    let scene = Scene::new(Ok(wanted()), vec![]).await;
    let test = async {
        assert!(scene.wait(1).await.is_active());
        let ours = std::mem::replace(&mut scene.telegram.lock().webhook, json!({"url": ""}));
        scene.advance(60);
        assert!(scene.wait(2).await.is_active());
        scene.telegram.lock().webhook = ours;
        scene.advance(2);
        assert!(scene.wait(3).await.is_active());
        assert_eq!(*scene.registrar.health().borrow(), WebhookHealth { pending: Some(0), ..WebhookHealth::default() });
    };
    scene.play(test).await;
    assert_eq!(scene.asked().iter().filter(|method| *method == "setWebhook").count(), 1);
}

#[tokio::test]
async fn a_webhook_that_telegram_would_refuse_is_never_sent() {
    let scene = Scene::new(Ok(WantedWebhook { max_connections: 0, ..wanted() }), vec![]).await;
    let test = async {
        let mut status = scene.registrar.status();
        let refused = status.wait_for(|status| matches!(status, Status::Refused { .. })).await.unwrap();
        assert!(refused.sentence().contains("max_connections"));
    };
    scene.play(test).await;
    assert!(!scene.asked().contains(&"setWebhook".to_owned()));
}

#[tokio::test]
async fn without_a_public_url_it_says_what_is_missing_and_identifies_the_bot() {
    let scene = Scene::new(Err(OffReason::NoPublicUrl), vec![trouble()]).await;
    let test = async {
        assert!(scene.wait(1).await.sentence().contains("PUBLIC_URL"));
        scene.advance(2);
        scene.wait(2).await;
        assert!(scene.registrar.deps.identity.get().is_some());
    };
    scene.play(test).await;
    assert_eq!(scene.asked(), ["getMe", "getMe"]);
}

#[tokio::test]
async fn the_soft_stop_ends_a_wait_for_the_next_attempt() {
    let scene = Scene::new(Ok(wanted()), vec![trouble()]).await;
    scene.play(async { drop(scene.wait(1).await) }).await;
    assert_eq!(scene.asked(), ["getMe"]);
}

#[tokio::test]
async fn a_new_username_is_known_within_an_hour() {
    for wanted in [Ok(wanted()), Err(OffReason::NoPublicUrl)] {
        let old = json!({"ok": true, "result": {"id": 1, "username": "old_bot"}});
        let scene = Scene::new(wanted, vec![("getMe", 200, old)]).await;
        let name = || scene.registrar.deps.identity.get().map(|me| me.username.clone());
        let test = async {
            scene.wait(1).await;
            assert_eq!(name().as_deref(), Some("old_bot"));
            scene.advance(3_600);
            scene.wait(2).await;
            assert_eq!(name().as_deref(), Some("a_bot"));
        };
        scene.play(test).await;
    }
}

#[tokio::test]
async fn kinds_that_the_bot_asks_for_end_the_wait_of_the_watch() {
    let scene = Scene::new(Ok(wanted()), vec![]).await;
    let test = async {
        assert!(scene.wait(1).await.is_active());
        assert_eq!(scene.telegram.lock().webhook["allowed_updates"], json!(["message"]));
        // The registrar begins to wait for further changes, and then sets the webhook, which waits for Telegram's limit.
        scene.advance(10);
        scene.kinds.send_replace(Some(vec!["poll".to_owned()]));
        scene.wait(2).await;
        scene.advance(1);
        assert!(scene.wait(3).await.is_active());
        assert_eq!(scene.telegram.lock().webhook["allowed_updates"], json!(["poll"]));
    };
    scene.play(test).await;
    assert_eq!(scene.asked().iter().filter(|method| *method == "setWebhook").count(), 2);
}
