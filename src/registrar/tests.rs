//! [`step`] against a simulated Telegram that has a webhook and fails as a test specifies.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::step::{Now, Observation, Request, State, step};
use super::*;
use crate::clock::{elapsed, later};
use crate::telegram::{ApiError, WebhookInfo};

const OURS: &str = "https://a.example.org/telegram/webhook";

/// What Telegram answers instead, once: the method and its error.
type Fault = (&'static str, ApiError);

/// The registrar's state, the time and a Telegram.
struct Scene {
    state: Option<State>,
    now: Now,
    /// When the present wait is over, and after how many wrong secret tokens it is over earlier.
    until: Timestamp,
    burst: (u64, Timestamp),
    webhook: WebhookInfo,
    faults: VecDeque<Fault>,
    /// The methods called, with the answers to `drop_pending_updates`.
    calls: Vec<&'static str>,
    drops: Vec<bool>,
    stopped: Option<RefusedToken>,
}

impl Scene {
    /// A registrar that has begun its first wait.
    fn start(faults: impl IntoIterator<Item = Fault>) -> Self {
        Self::of(wanted(), faults)
    }

    fn of(wanted: WantedWebhook, faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut scene = Self::prepare(wanted, faults);
        scene.run();
        scene
    }

    fn prepare(wanted: WantedWebhook, faults: impl IntoIterator<Item = Fault>) -> Self {
        let start = Timestamp::UNIX_EPOCH;
        let now = Now { utc: start, steady: start, jitter: 0.0, wrong_secrets: 0 };
        Self {
            state: Some(State::new(wanted, Duration::from_mins(1), true, &now)),
            now,
            until: start,
            burst: (u64::MAX, start),
            webhook: WebhookInfo::default(),
            faults: faults.into_iter().collect(),
            calls: vec![],
            drops: vec![],
            stopped: None,
        }
    }

    /// Steps until the registrar waits.
    fn run(&mut self) {
        let mut observation = Observation::WaitOver;
        loop {
            let (state, actions) = step(self.state.take().unwrap(), observation, self.now);
            self.state = Some(state);
            observation = match actions.request {
                Request::Wait(wait) => {
                    (self.until, self.burst) = (later(self.now.steady, wait), (u64::MAX, self.until));
                    return;
                }
                Request::WaitForLook { at_most, wrong_secrets, earliest } => {
                    (self.until, self.burst) = (later(self.now.steady, at_most), (wrong_secrets, earliest));
                    return;
                }
                Request::Stop(refused) => {
                    self.stopped = Some(refused);
                    return;
                }
                Request::GetMe => Observation::Me(self.answer("getMe")),
                Request::GetWebhookInfo { recheck_empty } => {
                    let mut answer = self.answer("getWebhookInfo").map(|()| self.webhook.clone());
                    if recheck_empty && answer.as_ref().is_ok_and(|seen| seen.url.is_empty()) {
                        answer = self.answer("getWebhookInfo").map(|()| self.webhook.clone());
                    }
                    Observation::Webhook(answer)
                }
                Request::SetWebhook { drop_pending_updates } => {
                    self.drops.push(drop_pending_updates);
                    let answer = self.answer("setWebhook");
                    if answer.is_ok() {
                        self.webhook = registered();
                    }
                    Observation::Set(answer.map(|()| "Webhook was set".to_owned()))
                }
                Request::SetMyCommands => Observation::Commands(self.answer("setMyCommands")),
            };
        }
    }

    fn answer(&mut self, method: &'static str) -> Result<(), ApiError> {
        self.calls.push(method);
        let fault = self.faults.iter().position(|(of, _)| *of == method);
        fault.map_or(Ok(()), |at| Err(self.faults.remove(at).unwrap().1))
    }

    /// Lets the time pass, and goes on where the wait is over. Returns the status.
    fn advance(&mut self, seconds: u64) -> Status {
        (self.now.utc, self.now.steady) =
            (later(self.now.utc, Duration::from_secs(seconds)), later(self.now.steady, Duration::from_secs(seconds)));
        let (wrong_secrets, earliest) = self.burst;
        if self.now.steady >= self.until || (self.now.wrong_secrets >= wrong_secrets && self.now.steady >= earliest) {
            self.run();
        }
        self.status()
    }

    fn status(&self) -> Status {
        self.state.as_ref().unwrap().status.clone()
    }

    fn health(&self) -> &WebhookHealth {
        &self.state.as_ref().unwrap().health
    }

    fn is_active(&self) -> bool {
        self.status().is_active()
    }

    fn telegram_has(&mut self, url: &str) {
        self.webhook = WebhookInfo { url: url.to_owned(), ..WebhookInfo::default() };
    }

    fn count(&self, method: &str) -> usize {
        self.calls.iter().filter(|called| **called == method).count()
    }
}

fn wanted() -> WantedWebhook {
    WantedWebhook { allowed_updates: vec!["message".to_owned()], ..WantedWebhook::for_test(OURS) }
}

/// The webhook as Telegram has it after it was set.
fn registered() -> WebhookInfo {
    WebhookInfo {
        url: OURS.to_owned(),
        allowed_updates: Some(vec!["message".to_owned()]),
        max_connections: Some(40),
        ..WebhookInfo::default()
    }
}

fn refused(code: u16, description: &str) -> ApiError {
    ApiError::Refused { code, description: description.to_owned(), migrate_to_chat_id: None }
}

fn unreachable(reason: &str) -> ApiError {
    ApiError::Unreachable { reason: reason.to_owned() }
}

fn throttled(seconds: u64) -> ApiError {
    ApiError::Throttled { retry_after: Duration::from_secs(seconds) }
}

fn conflict() -> ApiError {
    refused(409, "Conflict: terminated by other setWebhook")
}

/// Refusals of `setWebhook` that pass without a change of the settings.
const TRANSIENT: [&str; 4] = [
    "Failed to resolve host: Name or service not known",
    "IP address 10.0.0.1 is reserved",
    "Connection refused",
    "SSL error {error:0A000086:SSL routines::certificate verify failed}",
];

/// This number of the same refusal.
fn refusals(reason: &str, count: usize) -> impl Iterator<Item = Fault> + use<> {
    let refusal = refused(400, &format!("Bad Request: bad webhook: {reason}"));
    std::iter::repeat_n(("setWebhook", refusal), count)
}

#[test]
fn it_identifies_the_bot_sets_the_webhook_reads_it_back_and_sends_the_commands() {
    let scene = Scene::start([]);
    assert!(scene.is_active());
    assert_eq!(scene.calls, ["getMe", "getWebhookInfo", "setWebhook", "getWebhookInfo", "setMyCommands"]);
    assert_eq!(scene.drops, [false]);
}

#[test]
fn a_throttle_is_obeyed() {
    let mut scene = Scene::start([("setWebhook", throttled(30))]);
    assert!(scene.status().sentence().contains("429"));
    scene.advance(29);
    assert_eq!(scene.count("getWebhookInfo"), 1);
    assert!(scene.advance(3).is_active());
    assert_eq!(scene.count("getMe"), 1);
}

#[test]
fn trouble_that_passes_is_tried_again_soon() {
    let mut scene = Scene::start([
        ("getMe", unreachable("HTTP 502")),
        ("getWebhookInfo", unreachable("500 Internal Server Error: restart")),
        ("setWebhook", conflict()),
        ("setMyCommands", refused(400, "Bad Request: can't parse commands")),
    ]);
    for (words, longest) in [("502", 2), ("500 Internal", 4), ("is registering", 8)] {
        let status = scene.status();
        assert!(matches!(status, Status::Registering { .. }) && status.sentence().contains(words), "{status:?}");
        scene.advance(longest);
    }
    assert!(scene.is_active());
}

#[test]
fn a_refused_token_stops_the_service_with_the_reason() {
    for (code, words) in [(401, "Unauthorized"), (404, "Not Found")] {
        let scene = Scene::start([("getMe", refused(code, words))]);
        let refused = scene.stopped.unwrap();
        assert_eq!(refused.to_string(), format!("Telegram refuses the bot token: {code} {words}"));
        assert!(refused.hint().contains("TELEGRAM_BOT_TOKEN"));
        assert_eq!(scene.calls, ["getMe"]);
    }
}

#[test]
fn a_transient_refusal_is_tried_again_after_5_to_15_seconds_for_ten_minutes() {
    for (reason, jitter) in TRANSIENT.into_iter().flat_map(|reason| [(reason, 0.0), (reason, 1.0)]) {
        let mut scene = Scene::prepare(wanted(), refusals(reason, 30));
        scene.now.jitter = jitter;
        scene.run();
        for n in 1..=30 {
            let status = scene.status();
            assert!(matches!(status, Status::Refused { .. }), "{status:?}");
            assert!(status.sentence().contains(reason) && status.sentence().contains("every few seconds"));
            scene.advance(4);
            assert_eq!(scene.count("setWebhook"), n, "not before 5 s");
            scene.advance(11);
        }
        assert!(scene.is_active());
    }
}

#[test]
fn after_ten_minutes_a_transient_refusal_is_tried_slowly() {
    let mut scene = Scene::start(refusals(TRANSIENT[0], 3));
    let status = scene.advance(601);
    assert!(status.sentence().contains("tries again every few minutes"), "{}", status.sentence());
    scene.advance(59);
    assert_eq!(scene.count("setWebhook"), 2);
    scene.advance(300);
    assert_eq!(scene.count("setWebhook"), 3);
    assert!(scene.advance(300).is_active());
}

#[test]
fn a_refused_webhook_is_reported_in_telegrams_words_and_tried_again_slowly() {
    let refusal = "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443";
    let mut scene = Scene::start([("setWebhook", refused(400, refusal))]);
    let status = scene.status();
    assert!(matches!(status, Status::Refused { .. }));
    assert!(status.sentence().contains("only on ports"));
    assert!(status.sentence().contains("has a port to which Telegram does not connect"));
    scene.advance(59);
    assert_eq!(scene.count("getWebhookInfo"), 1);
    assert!(scene.advance(61).is_active());
}

#[test]
fn a_service_that_was_refused_takes_nothing_from_one_that_started_later() {
    let mut scene = Scene::start(refusals(TRANSIENT[0], 1));
    scene.telegram_has("https://later.example.org/telegram/webhook");
    assert_eq!(scene.advance(15), Status::Superseded { host: "later.example.org".to_owned() });
    assert_eq!(scene.count("setWebhook"), 1);
}

#[test]
fn a_slow_start_takes_over_the_webhook_that_was_there_before_it_and_no_later_one() {
    for (later, sets) in [("https://older.example.org/", 2), ("https://later.example.org/", 1)] {
        let mut scene = Scene::prepare(wanted(), [("setWebhook", unreachable("HTTP 502"))]);
        scene.telegram_has("https://older.example.org/");
        scene.run();
        scene.telegram_has(later);
        assert_eq!(scene.advance(60).is_active(), sets == 2);
        assert_eq!(scene.count("setWebhook"), sets);
    }
}

#[test]
fn pending_updates_are_dropped_by_the_first_registration_of_a_start_and_by_no_other() {
    let refusal = refusals(TRANSIENT[0], 1).next().unwrap();
    for (faults, dropping) in [
        (vec![], vec![true, false, false]),
        // A throttled call is not carried out.
        (vec![("setWebhook", throttled(1))], vec![true, true, false, false]),
        (vec![refusal], vec![true, false, false, false]),
        (vec![("setWebhook", unreachable("HTTP 502"))], vec![true, false, false, false]),
    ] {
        let mut scene = Scene::of(WantedWebhook { drop_pending_updates: true, ..wanted() }, faults.clone());
        for _ in &faults {
            scene.advance(15);
        }
        assert!(scene.is_active());
        // A repair, and a registration after another service's webhook leads here again.
        scene.telegram_has("");
        assert!(scene.advance(60).is_active());
        scene.telegram_has("https://b.example.org/");
        scene.advance(60);
        scene.telegram_has(OURS);
        assert!(scene.advance(60).is_active());
        assert_eq!(scene.drops, dropping);
    }
}

#[test]
fn another_programs_set_webhook_at_the_same_moment_is_not_reported_as_no_webhook() {
    // At the start, and in a repair of changed limits.
    let faults = || [("setWebhook", conflict()), ("setWebhook", throttled(1))];
    let mut scene = Scene::start(faults());
    for _ in 1..=2 {
        assert_eq!(scene.status(), Status::Registering { trouble: None });
        scene.advance(6);
    }
    assert!(scene.is_active());
    scene.webhook.max_connections = Some(7);
    scene.faults.extend(faults());
    scene.advance(60);
    for _ in 1..=2 {
        assert!(scene.is_active(), "updates arrive all the time");
        scene.advance(6);
    }
    assert!(scene.is_active());
    assert_eq!(scene.webhook.max_connections, Some(40));
}

#[test]
fn changing_the_limits_again_and_again_leaves_the_webhook_registered() {
    let mut scene = Scene::start([]);
    for _ in 1..=4 {
        scene.webhook.max_connections = Some(7);
        assert!(scene.advance(60).is_active());
        assert!(scene.advance(300).is_active());
        assert_eq!(scene.webhook.max_connections, Some(40));
    }
}

#[test]
fn a_removed_webhook_is_set_again_and_a_taken_one_is_left_alone() {
    let mut scene = Scene::start([]);
    scene.telegram_has("");
    assert!(scene.advance(60).is_active());
    assert_eq!((scene.count("setWebhook"), scene.health().repairs), (2, 1));
    assert!(scene.health().conflict.as_ref().is_some_and(|words| words.contains("was removed")));

    scene.telegram_has("https://b.example.org/secret-path");
    assert_eq!(scene.advance(60), Status::Superseded { host: "b.example.org".to_owned() });
    scene.advance(60);
    assert_eq!((scene.count("setWebhook"), &scene.health().conflict), (2, &None));

    // It leads here again, but perhaps with a secret token that is not ours.
    scene.telegram_has(OURS);
    assert!(scene.advance(60).is_active());
    assert_eq!((scene.count("setWebhook"), scene.count("setMyCommands")), (3, 1));
}

#[test]
fn another_services_webhook_must_be_gone_at_two_looks_before_it_is_replaced() {
    let mut scene = Scene::start([]);
    scene.telegram_has("https://b.example.org/");
    scene.advance(60);
    for (url, sets) in [("", 1), ("https://c.example.org/", 1), ("", 1), ("", 2)] {
        scene.telegram_has(url);
        scene.advance(60);
        assert_eq!(scene.count("setWebhook"), sets, "{url}");
    }
    assert!(scene.is_active());
}

#[test]
fn a_protected_webhook_is_left_alone_until_it_leads_here() {
    let mut scene = Scene::prepare(WantedWebhook { takeover: TakeoverPolicy::FreeOnly, ..wanted() }, []);
    scene.telegram_has("https://b.example.org/");
    scene.run();
    assert!(scene.status().sentence().contains("b.example.org"));
    scene.telegram_has("");
    assert!(scene.advance(60).sentence().contains("has been removed since"));
    assert_eq!(scene.count("setWebhook"), 0);
    scene.telegram_has(OURS);
    assert!(scene.advance(60).is_active());
    assert_eq!(scene.count("setWebhook"), 1);
}

#[test]
fn wrong_secret_tokens_repair_the_webhook_only_if_telegram_reports_a_401() {
    for (error, sets) in [("Wrong response from the webhook: 401 Unauthorized", 2), ("Connection refused", 1)] {
        let mut scene = Scene::start([]);
        scene.now.wrong_secrets = 3;
        scene.webhook.last_error_message = Some(error.to_owned());
        scene.webhook.last_error_date = Some(5);
        assert!(scene.advance(9).is_active());
        assert_eq!(scene.count("getWebhookInfo"), 2, "strangers cause no look before a sixth of the interval");
        assert!(scene.advance(1).is_active());
        assert_eq!(scene.count("setWebhook"), sets, "{error}");
    }
}

#[test]
fn a_look_that_fails_changes_nothing_and_a_throttle_delays_the_next_one() {
    let mut scene = Scene::start([]);
    scene.faults.push_back(("getWebhookInfo", unreachable("connection refused")));
    assert!(scene.advance(60).is_active());
    scene.faults.push_back(("getWebhookInfo", throttled(30)));
    scene.advance(60);
    let looks = scene.count("getWebhookInfo");
    scene.advance(89);
    assert_eq!(scene.count("getWebhookInfo"), looks);
    assert!(scene.advance(1).is_active());
    assert_eq!((scene.count("getWebhookInfo"), scene.count("setWebhook")), (looks + 1, 1));
}

#[test]
fn a_polling_copy_that_removes_the_webhook_every_ten_seconds_causes_at_most_twelve_calls_in_ten_minutes() {
    let mut scene = Scene::start([]);
    let mut calls = Vec::new();
    for _ in 0..180 {
        scene.telegram_has("");
        let before = scene.count("setWebhook");
        scene.advance(10);
        calls.extend(std::iter::repeat_n(scene.now.steady, scene.count("setWebhook") - before));
    }
    assert!(calls.len() > 5);
    for from in &calls {
        let within = calls.iter().filter(|call| *call >= from && elapsed(*from, **call) < Duration::from_mins(10));
        assert!(within.count() <= 12);
    }
}

#[test]
fn the_bots_username_is_asked_for_every_hour() {
    let mut scene = Scene::start([]);
    for asked in [2, 3] {
        // An answer that does not come changes nothing.
        scene.faults.push_back(("getMe", unreachable("HTTP 500")));
        assert!(scene.advance(3_600).is_active());
        assert_eq!(scene.count("getMe"), asked);
    }
}
