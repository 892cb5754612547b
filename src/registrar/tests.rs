//! The registrar against a Telegram that keeps a webhook, and fails as a test tells it to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::settings::TelegramSettings;
use crate::telegram::BotToken;

const OURS: &str = "https://a.example.org/telegram/webhook";
const TOKEN_IN_FORCE: &str = r#"{"ok":true,"result":{"id":1,"username":"a_bot","first_name":"A"}}"#;

/// What Telegram has, what it shall answer next, and what it was asked.
struct Telegram {
    webhook: Value,
    faults: VecDeque<(&'static str, u16, Value)>,
    asked: Vec<(String, Value)>,
}

impl Telegram {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let method = request.url.path().rsplit('/').next().unwrap_or_default().to_owned();
        let params: Value = request.body_json().unwrap();
        self.asked.push((method.clone(), params.clone()));
        if let Some(at) = self.faults.iter().position(|(of, ..)| *of == method) {
            let (_, status, body) = self.faults.remove(at).unwrap();
            return ResponseTemplate::new(status).set_body_json(body);
        }
        let result = match method.as_str() {
            "getMe" => return ResponseTemplate::new(200).set_body_string(TOKEN_IN_FORCE),
            "getWebhookInfo" => self.webhook.clone(),
            "setWebhook" => {
                self.webhook = json!({"url": params["url"], "max_connections": params["max_connections"],
                    "allowed_updates": params["allowed_updates"]});
                json!(true)
            }
            _ => json!(true),
        };
        ResponseTemplate::new(200).set_body_json(json!({"ok": true, "result": result}))
    }
}

/// A clock that counts the waits begun, so that a test moves it only when somebody waits.
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

/// A registrar, its clock and its Telegram.
struct Scene {
    telegram: Arc<Mutex<Telegram>>,
    clock: CountingClock,
    registrar: Registrar,
    soft: CancellationToken,
    /// Kept open: nobody is refused in these tests.
    _refusals: watch::Sender<u64>,
    _server: MockServer,
}

impl Scene {
    async fn new(faults: impl IntoIterator<Item = (&'static str, u16, Value)>) -> Self {
        Self::wanting(faults, Ok(wanted())).await
    }

    async fn wanting(
        faults: impl IntoIterator<Item = (&'static str, u16, Value)>,
        wanted: Result<WantedWebhook, NotWanted>,
    ) -> Self {
        let state = Telegram { webhook: json!({"url": ""}), faults: faults.into_iter().collect(), asked: vec![] };
        let telegram = Arc::new(Mutex::new(state));
        let server = MockServer::start().await;
        let answering = Arc::clone(&telegram);
        let respond = move |request: &Request| answering.lock().unwrap().answer(request);
        Mock::given(any()).respond_with(respond).mount(&server).await;
        let settings = TelegramSettings::at(&server.uri());
        let clock = CountingClock { clock: ManualClock::new(Timestamp::UNIX_EPOCH), waits: watch::Sender::new(0) };
        let announce = Some(Call::set_my_commands([("start", "Start")]));
        let shared: SharedClock = Arc::new(clock.clone());
        let api = BotApi::new(&settings, BotToken::new("1:a".to_owned().into()), Arc::clone(&shared));
        let refusals = watch::Sender::new(0);
        let registrar = {
            let (of, refused) = (Identity::default(), refusals.subscribe());
            Registrar::new(api, wanted, announce, of, shared, Duration::from_mins(1), refused)
        };
        Self { telegram, clock, registrar, soft: CancellationToken::new(), _refusals: refusals, _server: server }
    }

    /// Runs the registrar beside a test that then tells it to stop; the way in which it ended.
    async fn play(&self, test: impl Future<Output = ()>) -> Result<(), RefusedToken> {
        let stopping = async {
            test.await;
            self.soft.cancel();
        };
        let both = async { tokio::join!(self.registrar.run(&self.soft), stopping).0 };
        tokio::time::timeout(Duration::from_secs(10), both).await.expect("neither the test nor the registrar hangs")
    }

    /// Returns once the registrar has begun its n-th wait; how it stands then.
    async fn wait(&self, n: usize) -> Standing {
        self.clock.waits.subscribe().wait_for(|waits| *waits >= n).await.unwrap();
        self.registrar.standing().borrow().clone()
    }

    fn advance(&self, seconds: u64) {
        self.clock.clock.advance(Duration::from_secs(seconds));
    }

    fn telegram_has(&self, url: &str) {
        self.telegram.lock().unwrap().webhook = json!({"url": url});
    }

    fn asked(&self) -> Vec<String> {
        self.telegram.lock().unwrap().asked.iter().map(|(method, _)| method.clone()).collect()
    }

    fn count(&self, method: &str) -> usize {
        self.asked().iter().filter(|asked| *asked == method).count()
    }
}

fn wanted() -> WantedWebhook {
    WantedWebhook {
        url: OURS.to_owned(),
        secret_token: "secret".to_owned().into(),
        allowed_updates: vec!["message".to_owned()],
        max_connections: 40,
        drop_pending_updates: false,
        claim: Claim::Any,
    }
}

fn failure(code: u16, description: &str) -> Value {
    json!({"ok": false, "error_code": code, "description": description})
}

#[tokio::test]
async fn it_asks_who_it_is_sets_the_webhook_reads_it_back_and_makes_its_commands_known() {
    let scene = Scene::new([]).await;
    let test = async { assert!(scene.wait(1).await.is_active()) };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.asked(), ["getMe", "getWebhookInfo", "setWebhook", "getWebhookInfo", "setMyCommands"]);
    let params = scene.telegram.lock().unwrap().asked[2].1.clone();
    let all = json!({"url": OURS, "secret_token": "secret", "allowed_updates": ["message"], "max_connections": 40});
    assert_eq!(params, all);
    assert_eq!(scene.registrar.identity.get().map(|me| me.id), Some(1));
}

#[tokio::test]
async fn a_throttle_is_obeyed() {
    let throttle = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 30}});
    let scene = Scene::new([("setWebhook", 429, throttle)]).await;
    let test = async {
        assert!(scene.wait(1).await.sentence().contains("429"));
        scene.advance(29);
        tokio::task::yield_now().await;
        assert_eq!(scene.count("getWebhookInfo"), 1);
        scene.advance(3);
        assert!(scene.wait(2).await.is_active());
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.count("getMe"), 1);
}

#[tokio::test]
async fn what_passes_by_itself_is_tried_again_soon() {
    let faults = [
        ("getMe", 502, json!("<html>")),
        ("getWebhookInfo", 500, failure(500, "Internal Server Error: restart")),
        ("setWebhook", 409, failure(409, "Conflict: terminated by other setWebhook")),
        ("setMyCommands", 400, failure(400, "Bad Request: can't parse commands")),
    ];
    let scene = Scene::new(faults).await;
    let test = async {
        for (wait, words, longest) in [(1, "502", 2), (2, "500 Internal", 4), (3, "being registered", 8)] {
            let standing = scene.wait(wait).await;
            assert!(matches!(standing, Standing::Registering { .. }) && standing.sentence().contains(words));
            scene.advance(longest);
        }
        assert!(scene.wait(4).await.is_active());
    };
    assert_eq!(scene.play(test).await, Ok(()));
}

#[tokio::test]
async fn a_refused_token_ends_it_with_the_reason() {
    for (code, words) in [(401, "Unauthorized"), (404, "Not Found")] {
        let scene = Scene::new([("getMe", code, failure(code, words))]).await;
        let refused = scene.registrar.run(&scene.soft).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("Telegram refuses the bot token: {code} {words}"));
        assert!(refused.hint().contains("TELEGRAM_BOT_TOKEN"));
        assert_eq!(scene.asked(), ["getMe"]);
    }
}

/// Refusals of `setWebhook` that heal without a change of the settings.
const HEALING: [&str; 4] = [
    "Failed to resolve host: Name or service not known",
    "IP address 10.0.0.1 is reserved",
    "Connection refused",
    "SSL error {error:0A000086:SSL routines::certificate verify failed}",
];

/// So many of the same refusal.
fn refusals(reason: &str, count: usize) -> impl Iterator<Item = (&'static str, u16, Value)> + use<> {
    let refusal = failure(400, &format!("Bad Request: bad webhook: {reason}"));
    std::iter::repeat_n(("setWebhook", 400, refusal), count)
}

#[tokio::test]
async fn a_refusal_that_heals_by_itself_is_tried_every_5_to_15_seconds_for_ten_minutes() {
    for reason in HEALING {
        let scene = Scene::new(refusals(reason, 30)).await;
        let test = async {
            for n in 1..=30 {
                let standing = scene.wait(n).await;
                assert!(matches!(standing, Standing::Refused { .. }), "{standing:?}");
                assert!(standing.sentence().contains(reason) && standing.sentence().contains("every few seconds"));
                scene.advance(4);
                tokio::task::yield_now().await;
                assert_eq!(scene.count("setWebhook"), n, "not before 5 s");
                scene.advance(11);
            }
            assert!(scene.wait(31).await.is_active());
        };
        assert_eq!(scene.play(test).await, Ok(()));
    }
}

#[tokio::test]
async fn after_ten_minutes_it_is_tried_slowly_as_other_refusals_are() {
    let scene = Scene::new(refusals(HEALING[0], 3)).await;
    let test = async {
        scene.wait(1).await;
        scene.advance(601);
        let standing = scene.wait(2).await;
        assert!(standing.sentence().contains("tries again every few minutes"), "{}", standing.sentence());
        scene.advance(59);
        tokio::task::yield_now().await;
        assert_eq!(scene.count("setWebhook"), 2);
        scene.advance(300);
        scene.wait(3).await;
        scene.advance(300);
        assert!(scene.wait(4).await.is_active());
    };
    assert_eq!(scene.play(test).await, Ok(()));
}

#[tokio::test]
async fn a_refused_webhook_is_told_in_telegrams_words_and_tried_again_slowly() {
    let refusal = failure(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443");
    let scene = Scene::new([("setWebhook", 400, refusal)]).await;
    let test = async {
        let standing = scene.wait(1).await;
        assert!(matches!(standing, Standing::Refused { .. }));
        assert!(standing.sentence().contains("only on ports"));
        assert!(standing.sentence().contains("has a port to which Telegram does not connect"));
        scene.advance(59);
        tokio::task::yield_now().await;
        assert_eq!(scene.count("getWebhookInfo"), 1);
        scene.advance(61);
        assert!(scene.wait(2).await.is_active());
    };
    assert_eq!(scene.play(test).await, Ok(()));
}

#[tokio::test]
async fn a_service_that_was_refused_takes_nothing_from_one_that_started_later() {
    let scene = Scene::new(refusals(HEALING[0], 1)).await;
    let test = async {
        scene.wait(1).await;
        scene.telegram_has("https://later.example.org/telegram/webhook");
        scene.advance(15);
        assert_eq!(scene.wait(2).await, Standing::Superseded { host: "later.example.org".to_owned() });
        assert_eq!(scene.count("setWebhook"), 1);
    };
    assert_eq!(scene.play(test).await, Ok(()));
}

#[tokio::test]
async fn a_service_whose_start_takes_long_takes_over_what_was_there_before_it_and_nothing_later() {
    for (later, sets) in [("https://older.example.org/", 2), ("https://later.example.org/", 1)] {
        let scene = Scene::new([("setWebhook", 502, json!("<html>"))]).await;
        scene.telegram_has("https://older.example.org/");
        let test = async {
            scene.wait(1).await;
            scene.telegram_has(later);
            scene.advance(60);
            assert_eq!(scene.wait(2).await.is_active(), sets == 2);
        };
        assert_eq!(scene.play(test).await, Ok(()));
        assert_eq!(scene.count("setWebhook"), sets);
    }
}

#[tokio::test]
async fn what_waits_at_telegram_is_thrown_away_by_the_first_registration_of_a_start_and_by_no_other() {
    let throttle = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 1}});
    let lost = ("setWebhook", 502, json!("<html>"));
    let refused = refusals(HEALING[0], 1).next().unwrap();
    for (faults, dropping) in [
        (vec![], vec![true, false, false]),
        // A throttled call is not carried out.
        (vec![("setWebhook", 429, throttle)], vec![true, true, false, false]),
        (vec![refused], vec![true, false, false, false]),
        (vec![lost], vec![true, false, false, false]),
    ] {
        let before = faults.len();
        let scene = Scene::wanting(faults, Ok(WantedWebhook { drop_pending_updates: true, ..wanted() })).await;
        let test = async {
            for n in 1..=before {
                scene.wait(n).await;
                scene.advance(15);
            }
            assert!(scene.wait(before + 1).await.is_active());
            // A repair, and a registration after another service has given it back.
            scene.telegram_has("");
            scene.advance(60);
            scene.wait(before + 2).await;
            scene.advance(2);
            assert!(scene.wait(before + 3).await.is_active());
            scene.telegram_has("https://b.example.org/");
            scene.advance(60);
            scene.wait(before + 4).await;
            scene.telegram_has(OURS);
            scene.advance(60);
            assert!(scene.wait(before + 5).await.is_active());
        };
        assert_eq!(scene.play(test).await, Ok(()));
        let asked = scene.telegram.lock().unwrap().asked.clone();
        let sets = asked.iter().filter(|(method, _)| method == "setWebhook");
        let dropped: Vec<bool> = sets.map(|(_, params)| params["drop_pending_updates"] == true).collect();
        assert_eq!(dropped, dropping);
    }
}

#[tokio::test]
async fn another_programs_set_webhook_at_the_same_moment_is_not_told_as_no_webhook() {
    let throttle = json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 1}});
    let conflict = failure(409, "Conflict: terminated by other setWebhook");
    // At the start, and in a repair of changed limits.
    let faults = [("setWebhook", 409, conflict.clone()), ("setWebhook", 429, throttle.clone())];
    let scene = Scene::new(faults).await;
    let test = async {
        for n in 1..=2 {
            assert_eq!(scene.wait(n).await, Standing::Registering { trouble: None });
            scene.advance(6);
        }
        assert!(scene.wait(3).await.is_active());
        {
            let mut telegram = scene.telegram.lock().unwrap();
            telegram.webhook["max_connections"] = json!(7);
            telegram.faults.extend([("setWebhook", 409, conflict), ("setWebhook", 429, throttle)]);
        }
        scene.advance(60);
        for n in 4..=5 {
            assert!(scene.wait(n).await.is_active(), "updates arrive all the time");
            scene.advance(6);
        }
        assert!(scene.wait(6).await.is_active());
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.telegram.lock().unwrap().webhook["max_connections"], 40);
}

#[tokio::test]
async fn a_webhook_that_is_gone_for_the_moment_in_which_another_is_checked_was_not_removed() {
    let scene = Scene::new([]).await;
    let test = async {
        scene.wait(1).await;
        scene.telegram_has("");
        scene.advance(60);
        assert!(scene.wait(2).await.is_active());
        scene.telegram.lock().unwrap().webhook =
            json!({"url": OURS, "max_connections": 40, "allowed_updates": ["message"]});
        scene.advance(2);
        assert!(scene.wait(3).await.is_active());
        assert_eq!(*scene.registrar.notes().borrow(), Notes { pending: Some(0), ..Notes::default() });
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.count("setWebhook"), 1);
}

#[tokio::test]
async fn limits_that_are_changed_again_and_again_leave_the_webhook_registered() {
    let scene = Scene::new([]).await;
    let test = async {
        assert!(scene.wait(1).await.is_active());
        let mut wait = 1;
        for time in 1..=4 {
            scene.telegram.lock().unwrap().webhook["max_connections"] = json!(7);
            scene.advance(60);
            wait += 1;
            assert!(scene.wait(wait).await.is_active());
            if time > 1 {
                scene.advance(300);
                wait += 1;
                assert!(scene.wait(wait).await.is_active());
            }
        }
    };
    assert_eq!(scene.play(test).await, Ok(()));
}

#[tokio::test]
async fn a_webhook_that_is_gone_right_after_it_was_set_is_noticed() {
    let none = json!({"ok": true, "result": {"url": ""}});
    let scene = Scene::new(vec![("getWebhookInfo", 200, none); 3]).await;
    let test = async {
        // It is looked at twice.
        scene.wait(1).await;
        assert_eq!(scene.count("setWebhook"), 1);
        scene.advance(2);
        assert!(scene.wait(2).await.is_active());
        assert!(scene.registrar.notes().borrow().conflict.as_ref().is_some_and(|words| words.contains("was removed")));
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.count("setWebhook"), 2);
}

#[tokio::test]
async fn a_webhook_that_was_removed_is_set_again_and_one_that_was_taken_is_left_alone() {
    let scene = Scene::new([]).await;
    let test = async {
        scene.wait(1).await;
        scene.telegram_has("");
        scene.advance(60);
        scene.wait(2).await;
        scene.advance(2);
        assert!(scene.wait(3).await.is_active());
        assert_eq!(scene.count("setWebhook"), 2);

        scene.telegram_has("https://b.example.org/secret-path");
        scene.advance(60);
        let taken = scene.wait(4).await;
        assert_eq!(taken, Standing::Superseded { host: "b.example.org".to_owned() });
        scene.advance(60);
        scene.wait(5).await;
        assert_eq!(scene.count("setWebhook"), 2);

        // Given back, but perhaps with a secret token that is not ours.
        scene.telegram_has(OURS);
        scene.advance(60);
        assert!(scene.wait(6).await.is_active());
        assert_eq!(scene.count("setWebhook"), 3);
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!((scene.count("setMyCommands"), scene.count("deleteWebhook")), (1, 0));
}

#[tokio::test]
async fn what_telegram_would_refuse_is_never_sent() {
    let mut unsendable = wanted();
    unsendable.max_connections = 0;
    let scene = Scene::wanting([], Ok(unsendable)).await;
    let test = async {
        let mut standing = scene.registrar.standing();
        let refused = standing.wait_for(|standing| matches!(standing, Standing::Refused { .. })).await.unwrap();
        assert!(refused.sentence().contains("max_connections"));
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.count("setWebhook"), 0);
}

#[tokio::test]
async fn without_a_public_url_it_is_off_and_says_what_is_missing_but_learns_who_it_is() {
    let trouble = ("getMe", 500, json!("trouble"));
    let scene = Scene::wanting([trouble], Err(NotWanted::NoPublicUrl)).await;
    let test = async {
        assert!(scene.wait(1).await.sentence().contains("PUBLIC_URL"));
        scene.advance(2);
        while scene.registrar.identity.get().is_none() {
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.asked(), ["getMe", "getMe"]);
}

#[tokio::test]
async fn the_soft_stop_ends_it_while_it_waits_for_its_next_try() {
    let scene = Scene::new([("getMe", 500, json!("trouble"))]).await;
    let test = async {
        scene.wait(1).await;
    };
    assert_eq!(scene.play(test).await, Ok(()));
    assert_eq!(scene.asked(), ["getMe"]);
}

#[tokio::test]
async fn a_renamed_bot_is_known_by_its_new_name_within_an_hour_whoever_registers() {
    for wanted in [Ok(wanted()), Err(NotWanted::NoPublicUrl)] {
        let before = json!({"ok": true, "result": {"id": 1, "username": "old_bot"}});
        let trouble = ("getMe", 500, json!("trouble"));
        let scene = Scene::wanting([("getMe", 200, before)], wanted).await;
        let name = || scene.registrar.identity.get().map(|me| me.username.clone());
        let test = async {
            scene.wait(1).await;
            assert_eq!(name().as_deref(), Some("old_bot"));
            // Telegram does not answer the first time; that changes nothing.
            scene.telegram.lock().unwrap().faults.push_back(trouble);
            for asked in [2, 3] {
                let waits = *scene.clock.waits.borrow();
                scene.advance(3600);
                scene.wait(waits + 1).await;
                assert_eq!(scene.count("getMe"), asked);
            }
            assert_eq!(name().as_deref(), Some("a_bot"));
        };
        assert_eq!(scene.play(test).await, Ok(()));
    }
}
