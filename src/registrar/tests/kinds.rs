//! What the registrar does when the bot behind the gateway asks for other kinds of updates.

use super::*;

impl Scene {
    /// A webhook that was registered a while ago: Telegram accepts another `setWebhook` at once.
    fn registered_a_while_ago(wanted: WantedWebhook) -> Self {
        let mut scene = Self::of(wanted, []);
        scene.advance(20);
        scene
    }

    /// The bot says which kinds it wants. The driver ends the wait of a watch then.
    fn bot_asks_for(&mut self, kinds: &[&str]) {
        self.now.kinds = Some(kinds.iter().map(|kind| (*kind).to_owned()).collect());
        self.run();
    }

    fn sent(&self) -> Vec<String> {
        self.webhook.allowed_updates.clone().unwrap()
    }

    fn logged(&self, words: &str) -> usize {
        self.log.iter().filter(|line| line.contains(words)).count()
    }
}

#[test]
fn kinds_that_the_bot_asks_for_are_registered_within_two_seconds() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    assert_eq!(scene.sent(), ["message"]);
    scene.bot_asks_for(&["message", "message_reaction"]);
    assert_eq!(scene.count("setWebhook"), 1, "another change may follow at once");
    assert!(scene.advance(1).is_active());
    assert_eq!(
        (scene.count("setWebhook"), scene.sent()),
        (2, vec!["message".to_owned(), "message_reaction".to_owned()])
    );
    assert_eq!(scene.health().repairs, 0, "nobody has damaged the webhook");
    // The next check finds what is wanted now.
    assert!(scene.advance(60).is_active());
    assert_eq!((scene.count("setWebhook"), scene.health().repairs), (2, 0));
}

#[test]
fn changes_within_a_second_are_one_change() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    scene.bot_asks_for(&["poll"]);
    scene.now.kinds = Some(vec!["chat_member".to_owned()]);
    scene.advance(1);
    assert_eq!((scene.count("setWebhook"), scene.sent()), (2, vec!["chat_member".to_owned()]));
    // A change that is taken back changes nothing.
    scene.advance(5);
    scene.bot_asks_for(&["poll"]);
    scene.now.kinds = Some(vec!["chat_member".to_owned()]);
    scene.advance(1);
    assert_eq!(scene.count("setWebhook"), 2);
}

#[test]
fn the_same_kinds_in_another_order_or_case_are_no_change() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    scene.bot_asks_for(&["poll", "message"]);
    scene.advance(1);
    scene.advance(10);
    let calls = scene.calls.len();
    scene.bot_asks_for(&["Message", "POLL", "poll"]);
    scene.advance(1);
    assert_eq!(scene.calls.len(), calls);
    assert!(scene.is_active());
}

#[test]
fn a_bot_that_changes_its_kinds_delays_no_check_of_the_webhook() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    let looks = scene.count("getWebhookInfo");
    for round in 0..8 {
        // The same kinds, in two spellings.
        scene.bot_asks_for(&[["message", "MESSAGE"][round % 2]]);
        scene.advance(1);
        scene.advance(4);
    }
    assert_eq!((scene.count("getWebhookInfo"), scene.count("setWebhook")), (looks + 1, 1));
}

#[test]
fn a_bot_that_changes_its_kinds_for_ever_causes_at_most_twelve_calls_in_ten_minutes() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    for round in 0..280 {
        scene.now.kinds = Some(vec![["poll", "message"][round % 2].to_owned()]);
        scene.run();
        scene.advance(2);
    }
    assert!((6..=12).contains(&scene.count("setWebhook")), "{}", scene.count("setWebhook"));
}

#[test]
fn kinds_that_are_known_at_the_start_are_in_the_first_registration() {
    let mut scene = Scene::prepare(wanted(), []);
    scene.now.kinds = Some(vec!["poll".to_owned()]);
    scene.run();
    assert_eq!((scene.count("setWebhook"), scene.sent()), (1, vec!["poll".to_owned()]));
}

#[test]
fn kinds_that_change_while_an_attempt_waits_are_in_the_next_attempt() {
    let mut scene = Scene::start([("setWebhook", unreachable("HTTP 502"))]);
    scene.now.kinds = Some(vec!["poll".to_owned()]);
    assert!(scene.advance(2).is_active());
    assert_eq!((scene.count("setWebhook"), scene.sent()), (2, vec!["poll".to_owned()]));
}

#[test]
fn kinds_that_change_between_the_call_and_its_check_are_no_damage() {
    let mut scene = Scene::prepare(wanted(), []);
    let mut state = scene.state.take().unwrap();
    for observation in [
        Observation::WaitOver,
        Observation::Me(Ok(())),
        Observation::Webhook(Ok(WebhookInfo::default())),
        Observation::Set(Ok(String::new())),
    ] {
        (state, _) = step(state, observation, scene.now.clone());
    }
    scene.now.kinds = Some(vec!["poll".to_owned()]);
    let (state, actions) = step(state, Observation::Webhook(Ok(registered())), scene.now.clone());
    assert!(state.status.is_active() && state.health.repairs == 0);
    assert!(actions.log.iter().all(|(level, _)| *level >= tracing::Level::INFO), "{:?}", actions.log);
}

#[test]
fn the_operators_kinds_are_used_and_the_log_says_so_once() {
    let mut scene = Scene::registered_a_while_ago(WantedWebhook { allowed_updates_are_set: true, ..wanted() });
    for kinds in [["poll"], ["chat_member"], ["message"]] {
        scene.bot_asks_for(&kinds);
        scene.advance(1);
    }
    assert_eq!((scene.count("setWebhook"), scene.sent()), (1, vec!["message".to_owned()]));
    assert_eq!(scene.logged("webhook.allowed_updates. The setting is used"), 1);
}

#[test]
fn an_unknown_kind_is_sent_and_the_nearest_known_one_is_named() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    scene.bot_asks_for(&["mesage_reaction", "poll"]);
    scene.advance(1);
    assert_eq!(scene.sent(), ["mesage_reaction", "poll"], "a later Bot API may know it");
    assert_eq!(scene.logged("\"mesage_reaction\"; the nearest is \"message_reaction\""), 1);
    // Telegram does not keep it. Setting it again and again would change nothing.
    scene.webhook.allowed_updates = Some(vec!["poll".to_owned()]);
    let before = scene.count("setWebhook");
    scene.advance(60);
    let repaired = scene.count("setWebhook");
    assert!(repaired <= before + 1);
}

#[test]
fn the_webhook_of_another_service_is_not_taken_because_the_bot_asks_for_other_kinds() {
    let mut scene = Scene::registered_a_while_ago(wanted());
    scene.telegram_has("https://b.example.org/");
    scene.bot_asks_for(&["poll"]);
    assert_eq!(scene.advance(1), Status::Superseded { host: "b.example.org".to_owned() });
    scene.bot_asks_for(&["chat_member"]);
    scene.advance(1);
    assert_eq!(scene.count("setWebhook"), 1);
    // When it leads here again, the latest kinds are registered.
    scene.telegram_has(OURS);
    assert!(scene.advance(60).is_active());
    assert_eq!(scene.sent(), ["chat_member"]);
}
