//! What the registrar does while it watches a registered webhook.

use super::*;

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
fn the_operator_can_register_at_once_also_while_another_service_has_the_webhook() {
    let mut scene = Scene::start([]);
    scene.advance(10);
    scene.observe(Observation::Asked);
    assert_eq!(scene.count("setWebhook"), 2, "the secret token cannot be compared, so it is set again");

    scene.telegram_has("https://b.example.org/");
    assert_eq!(scene.advance(60), Status::Superseded { host: "b.example.org".to_owned() });
    scene.observe(Observation::Asked);
    assert!(scene.is_active());
    assert_eq!((scene.count("setWebhook"), scene.drops.last()), (3, Some(&false)));
    assert!(scene.log.iter().any(|line| line.contains("b.example.org. The operator asked for it")), "{:#?}", scene.log);

    scene.telegram_has("https://b.example.org/");
    scene.advance(60);
    scene.advance(60);
    assert_eq!(scene.count("setWebhook"), 3, "an order is carried out once");
}

#[test]
fn an_order_takes_the_webhook_also_from_a_service_that_is_protected() {
    let mut scene = Scene::prepare(WantedWebhook { takeover: TakeoverPolicy::FreeOnly, ..wanted() }, []);
    scene.telegram_has("https://b.example.org/");
    scene.run();
    assert_eq!(scene.count("setWebhook"), 0);
    scene.observe(Observation::Asked);
    assert!(scene.is_active());
}
