//! What the service counts is shown to the operator, and to nobody else; the numbers are those of
//! `/healthz`, and nothing in them is anybody's.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::HandlerError;
use doorbell::metrics::{Kind, LIST, Unit};
use doorbell::sandbox::{Answer as Gone, Fault, TOKEN as BOT_TOKEN};
use doorbell::telegram::Call;
use jiff::Timestamp;

use crate::harness::{Answer, SECRET, SteppedClock, TestApp, Wanted, does, message, post, raw, telegram, text};

const TOKEN: &str = "operator-test-token";

async fn ask(app: &TestApp, credentials: &str) -> Answer {
    let request = format!("GET /metrics HTTP/1.1\r\nHost: a\r\n{credentials}Connection: close\r\n\r\n");
    raw(app.addr, request.as_bytes()).await
}

/// A service with a token for its operator.
fn shown() -> Wanted {
    Wanted::default().with("console.token", TOKEN)
}

/// The metrics as they were served: the value of each series, and the kind of each metric.
struct Page {
    text: String,
    values: BTreeMap<String, f64>,
    kinds: Vec<(String, String)>,
}

impl Page {
    async fn of(app: &TestApp) -> Self {
        let answer = ask(app, &format!("Authorization: Bearer {TOKEN}\r\n")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let text = answer.body;
        let (mut values, mut kinds, mut helped) = (BTreeMap::new(), Vec::new(), None);
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, sentence) = help.split_once(' ').unwrap();
                assert!(sentence.ends_with('.'), "{line}");
                helped = Some(name.to_owned());
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert_eq!(helped.as_deref(), Some(name), "each has its help just before it");
                kinds.push((name.to_owned(), kind.to_owned()));
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, _) = kinds.last().unwrap();
                assert!(series.starts_with(name.as_str()), "{line} stands below {name}");
                assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{line} comes twice");
            }
        }
        Self { text, values, kinds }
    }

    fn value(&self, series: &str) -> f64 {
        *self.values.get(series).unwrap_or_else(|| panic!("no {series} in {}", self.text))
    }

    /// Each of these series with its value.
    #[track_caller]
    fn shows(&self, expected: &[(&str, f64)]) {
        for (series, value) in expected {
            assert!((self.value(series) - value).abs() < 1e-9, "{series}: {} and not {value}", self.value(series));
        }
    }
}

#[tokio::test]
async fn without_a_token_for_the_operator_there_are_no_metrics() {
    let app = TestApp::spawn().await;
    let nothing = raw(app.addr, b"GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    for credentials in ["", "Authorization: Bearer \r\n", "Authorization: Bearer a\r\n"] {
        let answer = ask(&app, credentials).await;
        assert_eq!((answer.status, answer.body), (404, nothing.body.clone()), "{credentials}");
    }
}

#[tokio::test]
async fn a_missing_and_a_wrong_operators_token_get_the_same_bytes_and_the_right_one_the_metrics() {
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
    // It opens nothing else.
    assert_eq!(post(app.addr, Some(TOKEN), b"{\"update_id\":1}").await.status, 401);
}

#[tokio::test]
async fn every_metric_of_the_list_is_served_and_no_other() {
    let app = shown().start().await;
    app.registered().await;
    app.ring(&message(1, 7, "/start")).await;
    app.drain().await;
    let page = Page::of(&app).await;
    let listed: Vec<_> =
        LIST.iter().map(|metric| (metric.name.to_owned(), format!("{:?}", metric.kind).to_lowercase())).collect();
    assert_eq!(page.kinds, listed);
    for (name, kind) in &page.kinds {
        let sample = if kind == "histogram" { format!("{name}_count") } else { name.clone() };
        let seen = page.values.keys().any(|series| series.split('{').next() == Some(&sample));
        // Telegram has never failed to deliver.
        let is_unknown = name == "doorbell_telegram_last_error_age_seconds" || name.contains("_process_");
        assert!(seen || is_unknown, "{name} says nothing");
    }
}

#[test]
fn names_say_what_is_measured_and_in_which_unit() {
    let names: BTreeSet<_> = LIST.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), LIST.len());
    for metric in LIST {
        let name = metric.name;
        assert!(name.starts_with("doorbell_") && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
        let stem = name.trim_end_matches("_total");
        assert_eq!(stem.ends_with("_seconds"), metric.unit == Unit::Seconds, "{name}");
        assert_eq!(stem.ends_with("_bytes"), metric.unit == Unit::Bytes, "{name}");
        assert!(metric.help.ends_with('.') && !metric.help.contains(['\n', '\\']), "{name}");
    }
}

#[tokio::test]
async fn what_happened_is_what_the_numbers_say() {
    // The inbox knows when an update came to the millisecond.
    let clock = ManualClock::new(Timestamp::from_second(SystemClock.now().as_second()).unwrap());
    let handler = does(|update| async move {
        match text(&update).as_str() {
            "poison" => Err(HandlerError::Reject("poison".to_owned())),
            said => Ok(vec![Call::send_message(update.chat_key.chat_id().unwrap(), said)]),
        }
    });
    let mut app = shown().with("inbox.capacity", 4).handled_by(handler).by(&clock).start().await;
    app.registered().await;
    let slow_down = Gone::Status { code: 429, description: "Too Many Requests".to_owned(), retry_after: Some(30) };
    app.sandbox.fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what: slow_down });
    assert_eq!(app.ring(&message(1, 7, "one")).await.status, 200);
    app.drain().await;
    for (update, status) in [
        (message(1, 7, "one"), 200),
        (message(2, 7, "two"), 200),
        (message(3, 8, "poison"), 200),
        (serde_json::json!({}), 400),
    ] {
        assert_eq!(app.ring(&update).await.status, status, "{update}");
    }
    assert_eq!(post(app.addr, Some("wrong"), b"{}").await.status, 401);
    assert_eq!(post(app.addr, None, b"{}").await.status, 401);
    app.drain().await;
    clock.advance(Duration::from_secs(2));
    let page = Page::of(&app).await;
    page.shows(&[
        ("doorbell_updates_total{outcome=\"stored\"}", 3.0),
        ("doorbell_updates_total{outcome=\"known\"}", 1.0),
        ("doorbell_webhook_duration_seconds_count{outcome=\"stored\"}", 3.0),
        ("doorbell_webhook_duration_seconds_count{outcome=\"refused\"}", 3.0),
        ("doorbell_webhook_refused_total{reason=\"secret\"}", 2.0),
        ("doorbell_webhook_refused_total{reason=\"not_an_update\"}", 1.0),
        ("doorbell_webhook_refused_total{reason=\"full\"}", 0.0),
        ("doorbell_inbox_usable", 1.0),
        ("doorbell_inbox_updates{state=\"waiting\"}", 2.0),
        ("doorbell_inbox_updates{state=\"dead\"}", 1.0),
        ("doorbell_inbox_capacity", 4.0),
        ("doorbell_inbox_oldest_age_seconds", 2.0),
        ("doorbell_attempts_total{outcome=\"calls_left\"}", 1.0),
        ("doorbell_attempts_total{outcome=\"dead\"}", 1.0),
        ("doorbell_attempts_total{outcome=\"done\"}", 0.0),
        ("doorbell_handler_duration_seconds_count", 2.0),
        ("doorbell_telegram_calls_total{group=\"send\",outcome=\"throttled\"}", 1.0),
        ("doorbell_telegram_throttled_seconds_total", 30.0),
        ("doorbell_registration_standing{standing=\"active\"}", 1.0),
        ("doorbell_registration_standing{standing=\"superseded\"}", 0.0),
        ("doorbell_registration_heals_total", 0.0),
        ("doorbell_telegram_pending_updates", 0.0),
        ("doorbell_connections_limit", 768.0),
        ("doorbell_uptime_seconds", 2.0),
    ]);
    // Six updates were offered or settled in so many commits; a known one takes part in one as well.
    assert!((page.value("doorbell_inbox_commit_updates_sum") - 6.0).abs() < 1e-9, "{}", page.text);
    assert!(page.value("doorbell_connections") >= 1.0, "this one");

    // The throttled chat goes on, and is done.
    clock.advance(Duration::from_secs(30));
    app.drain().await;
    let page = Page::of(&app).await;
    page.shows(&[
        ("doorbell_attempts_total{outcome=\"done\"}", 2.0),
        ("doorbell_telegram_calls_total{group=\"send\",outcome=\"ok\"}", 2.0),
        ("doorbell_telegram_call_duration_seconds_count{group=\"send\"}", 3.0),
        ("doorbell_inbox_updates{state=\"waiting\"}", 0.0),
        ("doorbell_inbox_oldest_age_seconds", 0.0),
    ]);
    app.work_may_be_left = true;
}

#[tokio::test]
async fn health_and_metrics_tell_the_same_numbers() {
    let mut app = shown().with("inbox.capacity", 1).handled_by(does(|_| std::future::pending())).start().await;
    app.work_may_be_left = true;
    for (id, status) in [(1, 200), (1, 200), (2, 503), (3, 503)] {
        assert_eq!(app.ring(&message(id, id, "a")).await.status, status);
    }
    for (secret, body) in [(None, "{}"), (Some("wrong"), "{}"), (Some("wrong"), "{}"), (Some(SECRET), "no")] {
        post(app.addr, secret, body.as_bytes()).await;
    }
    let page = Page::of(&app).await;
    let health = crate::harness::fetch(app.addr, "/healthz").await.json();
    for (key, series, value) in [
        ("stored", "doorbell_updates_total{outcome=\"stored\"}", 1.0),
        ("known", "doorbell_updates_total{outcome=\"known\"}", 1.0),
        ("unauthorized", "doorbell_webhook_refused_total{reason=\"secret\"}", 3.0),
        ("malformed", "doorbell_webhook_refused_total{reason=\"not_an_update\"}", 1.0),
        ("unavailable", "doorbell_webhook_refused_total{reason=\"full\"}", 2.0),
        ("foreign", "doorbell_webhook_foreign_total", 0.0),
    ] {
        page.shows(&[(series, value)]);
        assert_eq!(health["updates"][key].as_f64(), Some(value), "{key}");
    }
}

#[tokio::test]
async fn a_heal_and_what_telegram_says_of_its_deliveries_are_counted() {
    let clock = SteppedClock::new();
    let sandbox = telegram(&clock.manual).await;
    let app = shown().at(&sandbox).by(&clock).start().await;
    app.registered().await;
    clock.pass(2, 1).await;
    app.sandbox.polling_copy();
    clock.pass(61, 1).await;
    let page = Page::of(&app).await;
    page.shows(&[
        ("doorbell_registration_heals_total", 1.0),
        ("doorbell_registration_standing{standing=\"active\"}", 1.0),
        ("doorbell_telegram_calls_total{group=\"webhook\",outcome=\"refused\"}", 0.0),
    ]);
    assert!(page.value("doorbell_telegram_calls_total{group=\"webhook\",outcome=\"ok\"}") >= 4.0);
}

#[tokio::test]
async fn no_secret_no_id_and_no_word_of_a_person_is_among_the_metrics() {
    // The name of a method may come from a user's bot.
    let handler = does(|update| async move {
        let chat = update.chat_key.chat_id().unwrap();
        Ok(vec![Call::new("sendMARKED").with("chat_id", chat), Call::send_message(chat, "MARKED")])
    });
    let app = shown().handled_by(handler).start().await;
    app.registered().await;
    let mut update = message(987_654_321, 918_273_645, "/start MARKED");
    update["message"]["from"]["first_name"] = "MARKED".into();
    app.ring(&update).await;
    app.drain().await;
    let page = Page::of(&app).await;
    page.shows(&[("doorbell_telegram_calls_total{group=\"send\",outcome=\"refused\"}", 1.0)]);
    for secret in ["MARKED", "987654321", "918273645", SECRET, TOKEN, BOT_TOKEN.split_once(':').unwrap().1] {
        assert!(!page.text.contains(secret), "{secret} is shown");
    }
    let series = page.values.len();
    for id in 0..50 {
        app.ring(&message(id, id, "/start")).await;
    }
    app.drain().await;
    assert_eq!(Page::of(&app).await.values.len(), series, "more people make no more series");
}

#[tokio::test]
async fn connections_are_counted_until_they_have_gone() {
    let app = shown().start().await;
    for _ in 0..5 {
        crate::harness::fetch(app.addr, "/healthz").await;
    }
    let page = crate::harness::waiting::until("five have gone", async || {
        let page = Page::of(&app).await;
        (page.value("doorbell_connections_closed_total{reason=\"ended\"}") >= 5.0).then_some(page)
    })
    .await;
    let opened = page.value("doorbell_connections_opened_total");
    let closed: f64 =
        page.values.iter().filter(|(series, _)| series.contains("_closed_total")).map(|(_, value)| value).sum();
    assert!((page.value("doorbell_connections") - (opened - closed)).abs() < 1e-9 && opened >= 6.0, "{}", page.text);
}
