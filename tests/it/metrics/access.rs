//! Only the operator can read the metrics, and they contain no secret and no text of a person.

use std::collections::BTreeSet;

use doorbell::sandbox::TOKEN as BOT_TOKEN;
use doorbell::telegram::Call;

use super::{Page, TOKEN, ask, shown};
use crate::harness::{Answer, SECRET, TestApp, handler_fn, message, post, raw};

#[tokio::test]
async fn without_an_operators_token_in_the_settings_the_route_does_not_exist() {
    let app = TestApp::spawn().await;
    let nothing = raw(app.addr, b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    for credentials in ["", "Authorization: Bearer \r\n", "Authorization: Bearer a\r\n"] {
        let answer = ask(&app, credentials).await;
        assert_eq!((answer.status, answer.body), (404, nothing.body.clone()), "{credentials}");
    }
}

#[tokio::test]
async fn a_missing_and_a_wrong_operators_token_get_the_same_response_and_the_right_one_gets_the_metrics() {
    let app = shown().start().await;
    let bytes = |answer: &Answer| {
        let headers: String = answer.headers.lines().filter(|line| !line.starts_with("date:")).collect();
        (headers, answer.body.clone())
    };
    let missing = ask(&app, "").await;
    assert_eq!((missing.status, missing.header("www-authenticate")), (401, Some("bearer")));
    assert_eq!(missing.header("content-type"), Some("application/problem+json"));
    assert!(missing.json()["detail"].as_str().unwrap().contains("ADMIN_TOKEN"), "{}", missing.body);
    for wrong in [
        "Authorization: Bearer operator-test-toke\r\n",
        "Authorization: Bearer operator-test-token2\r\n",
        "Authorization: Bearer\r\n",
        "Authorization: operator-test-token\r\n",
        "Authorization: Basic operator-test-token\r\n",
        "Authorization: Bearer operator-test-token\r\nAuthorization: Bearer operator-test-token\r\n",
        "Authorization: Bearer test-secret\r\n",
        "X-Telegram-Bot-Api-Secret-Token: operator-test-token\r\n",
    ] {
        let answer = ask(&app, wrong).await;
        assert_eq!((answer.status, bytes(&answer)), (401, bytes(&missing)), "{wrong}");
    }
    let right = ask(&app, &format!("authorization: bearer {TOKEN}\r\n")).await;
    assert_eq!((right.status, right.header("cache-control")), (200, Some("no-store")));
    // It is not valid for the webhook.
    assert_eq!(post(app.addr, Some(TOKEN), b"{\"update_id\":1}").await.status, 401);
}

#[tokio::test]
async fn every_metric_has_a_sample_and_a_name_with_its_unit() {
    let app = shown().start().await;
    app.registered().await;
    app.deliver(&message(1, 7, "/start")).await;
    app.drain().await;
    let page = Page::of(&app).await;
    let names: BTreeSet<_> = page.kinds.iter().map(|(name, _)| name).collect();
    assert!(names.len() == page.kinds.len() && names.len() > 30, "{}", page.text);
    for (name, kind) in &page.kinds {
        let sample = if kind == "histogram" { format!("{name}_count") } else { name.clone() };
        let seen = page.values.keys().any(|series| series.split('{').next() == Some(&sample));
        // Telegram has never failed to deliver.
        let is_unknown = name == "doorbell_telegram_last_error_age_seconds" || name.contains("_process_");
        assert!(seen || is_unknown, "{name} says nothing");
        assert!(name.starts_with("doorbell_") && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
        let stem = name.trim_end_matches("_total");
        let measures_time =
            ["_duration", "_age", "_uptime", "_cpu", "_throttled"].iter().any(|word| stem.contains(word));
        assert_eq!(stem.ends_with("_seconds"), measures_time, "{name}");
        assert_eq!(stem.ends_with("_bytes"), stem.contains("_memory"), "{name}");
    }
}

#[tokio::test]
async fn no_metric_contains_a_secret_an_id_or_a_text_of_a_person() {
    // A handler chooses the names of methods.
    let handler = handler_fn(|update| async move {
        let chat = update.chat_key.chat_id().unwrap();
        Ok(vec![Call::new("sendMARKED").with("chat_id", chat), Call::send_message(chat, "MARKED")])
    });
    let mut app = shown().with_handler(handler).start().await;
    // A method that does not exist makes its update a dead-letter update.
    app.allow_unfinished_work = true;
    app.registered().await;
    let mut update = message(987_654_321, 918_273_645, "/start MARKED");
    update["message"]["from"]["first_name"] = "MARKED".into();
    app.deliver(&update).await;
    app.drain().await;
    let page = Page::of(&app).await;
    page.shows(&[("doorbell_telegram_calls_total{group=\"send\",outcome=\"refused\"}", 1.0)]);
    for secret in ["MARKED", "987654321", "918273645", SECRET, TOKEN, BOT_TOKEN.split_once(':').unwrap().1] {
        assert!(!page.text.contains(secret), "{secret} is shown");
    }
    let series = page.values.len();
    for id in 0..50 {
        app.deliver(&message(id, id, "/start")).await;
    }
    app.drain().await;
    assert_eq!(Page::of(&app).await.values.len(), series, "more people make no more series");
}
