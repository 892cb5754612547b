//! [`step`] against a simulated Telegram that has a webhook and fails as a test specifies.

mod kinds;
mod refusals;
mod watch;

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
    log: Vec<String>,
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
        let now = Now { utc: start, steady: start, jitter: 0.0, wrong_secrets: 0, kinds: None };
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
            log: vec![],
        }
    }

    /// Steps until the registrar waits.
    fn run(&mut self) {
        self.observe(Observation::WaitOver);
    }

    /// Ends the present wait in this way, and steps until the next one.
    fn observe(&mut self, mut observation: Observation) {
        loop {
            let (state, actions) = step(self.state.take().unwrap(), observation, self.now.clone());
            self.log.extend(actions.log.into_iter().map(|(_, text)| text));
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
                        let allowed_updates = self.state.as_ref().unwrap().wanted.allowed_updates.clone();
                        self.webhook = WebhookInfo { allowed_updates: Some(allowed_updates), ..registered() };
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
fn the_bots_username_is_asked_for_every_hour() {
    let mut scene = Scene::start([]);
    for asked in [2, 3] {
        // An answer that does not come changes nothing.
        scene.faults.push_back(("getMe", unreachable("HTTP 500")));
        assert!(scene.advance(3_600).is_active());
        assert_eq!(scene.count("getMe"), asked);
    }
}
