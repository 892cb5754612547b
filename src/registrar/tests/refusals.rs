//! What the registrar does after Telegram has refused a webhook.

use super::*;

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
