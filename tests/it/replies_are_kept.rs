//! `/start` is answered: replies obey Telegram's 429s and survive its outages. Calls that cannot be made now are made later,
//! and the handler does not run again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::Handler;
use doorbell::inbox::VerdictKind;
use doorbell::sandbox::{Fault, FaultKind, TOKEN};
use doorbell::telegram::Call;
use serde_json::{Value, json};
use wiremock::matchers::{body_partial_json, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::harness::{TestApp, TestAppBuilder, handler_fn, message, waiting};

/// A service whose clock the test moves.
async fn at_rest(handler: impl Handler + 'static) -> (TestApp, ManualClock) {
    let clock = ManualClock::new(SystemClock.now());
    let mut wanted = TestAppBuilder::default().with_handler(handler);
    wanted.clock = Arc::new(clock.clone());
    let app = wanted.start().await;
    app.registered().await;
    (app, clock)
}

/// A handler that always returns these calls. Also returns how often it ran.
fn makes(calls: Vec<Call>) -> (impl Handler, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        let calls = calls.clone();
        async move { Ok(calls) }
    });
    (handler, runs)
}

fn fault(method: &str, times: Option<u32>, what: FaultKind) -> Fault {
    Fault { method: Some(method.to_owned()), times, what }
}

fn status(code: u16, description: &str, retry_after: Option<u64>) -> FaultKind {
    FaultKind::Status { code, description: description.to_owned(), retry_after }
}

/// How often a method has been called.
fn calls(app: &TestApp, method: &str) -> usize {
    app.sandbox.calls().iter().filter(|call| call.method == method).count()
}

#[tokio::test]
async fn calls_that_are_left_are_made_later_without_the_handler() {
    let photo = Call::new("sendPhoto").with("chat_id", 7).with("photo", "a");
    let (handler, runs) = makes(vec![Call::send_message(7, "one"), photo, Call::send_message(7, "three")]);
    let (app, clock) = at_rest(handler).await;
    app.sandbox.add_fault(fault("sendPhoto", Some(3), FaultKind::Html(502)));
    app.deliver(&message(1, 7, "a")).await;
    for _ in 0..20 {
        app.drain().await;
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(app.replies(7), ["one", "[photo]", "three"]);
    assert_eq!((runs.load(Ordering::Relaxed), calls(&app, "sendPhoto")), (1, 4));
}

#[tokio::test]
async fn a_throttled_chat_waits_and_other_chats_go_on() {
    // Chats 7 and 8 both cause a message to chat 7.
    let handler = handler_fn(|update| async move {
        let chat = update.chat_key.chat_id().unwrap_or_default();
        Ok(if chat == 9 {
            vec![Call::send_message(9, "me")]
        } else {
            vec![Call::send_message(7, update.id.to_string())]
        })
    });
    let (app, clock) = at_rest(handler).await;
    app.sandbox.add_fault(fault("sendMessage", Some(1), status(429, "Too Many Requests: retry after 30", Some(30))));
    app.deliver(&message(1, 7, "a")).await;
    app.drain().await;
    for other in [message(2, 7, "a"), message(3, 8, "a"), message(4, 9, "a")] {
        app.deliver(&other).await;
    }
    app.drain().await;
    assert_eq!(app.replies(9), ["me"], "another chat continues");
    clock.advance(Duration::from_secs(29));
    app.drain().await;
    assert_eq!(calls(&app, "sendMessage"), 2, "chat 7 was called once, and not again");
    clock.advance(Duration::from_secs(1));
    app.drain().await;
    let mut replies = app.replies(7);
    replies.retain(|reply| reply != "3");
    assert_eq!((replies, app.replies(7).len()), (vec!["1".to_owned(), "2".to_owned()], 3));
}

#[tokio::test]
async fn a_429_without_a_chat_delays_all_calls() {
    let handler = handler_fn(|update| async move {
        Ok(match update.chat_key.chat_id() {
            Some(chat) => vec![Call::send_message(chat, "hello")],
            None => vec![Call::new("answerInlineQuery").with("inline_query_id", "1").with("results", json!([]))],
        })
    });
    let (app, clock) = at_rest(handler).await;
    app.sandbox.add_fault(fault(
        "answerInlineQuery",
        Some(1),
        status(429, "Too Many Requests: retry after 5", Some(5)),
    ));
    let query =
        json!({ "update_id": 1, "inline_query": { "id": "1", "from": { "id": 7 }, "query": "", "offset": "" } });
    app.deliver(&query).await;
    app.drain().await;
    app.deliver(&message(2, 8, "/start")).await;
    app.drain().await;
    clock.advance(Duration::from_secs(4));
    app.drain().await;
    assert_eq!(calls(&app, "sendMessage"), 0);
    clock.advance(Duration::from_secs(1));
    app.drain().await;
    assert_eq!(app.replies(8), ["hello"]);
}

#[tokio::test]
async fn after_an_outage_of_telegram_every_reply_is_sent_once() {
    let handler = handler_fn(|update| async move { Ok(vec![Call::send_message(update.id.0, "hello")]) });
    let (app, clock) = at_rest(handler).await;
    for (kind, what) in
        [FaultKind::Html(502), FaultKind::Html(504), status(500, "Internal Server Error: restart", None)]
            .into_iter()
            .enumerate()
    {
        app.sandbox.add_fault(fault("sendMessage", None, what));
        let ids = |round: usize| (1..=10).map(move |n| i64::try_from(round).expect("small") * 100 + n);
        for id in ids(kind) {
            app.deliver(&message(id, id, "/start")).await;
        }
        for _ in 0..10 {
            app.drain().await;
            clock.advance(Duration::from_secs(30));
        }
        app.sandbox.clear_faults();
        clock.advance(Duration::from_secs(30));
        app.drain().await;
        for id in ids(kind) {
            assert_eq!(app.replies(id), ["hello"], "outage {kind}");
        }
    }
}

/// A Bot API with fixed answers, chosen by the method and a part of the parameters, for cases that the sandbox cannot
/// produce.
async fn telegram(answers: &[(&str, Value, u16, Value)]) -> MockServer {
    let server = MockServer::start().await;
    for (method, params, status, answer) in answers {
        let answer = ResponseTemplate::new(*status).set_body_json(answer);
        let at = path(format!("/bot{TOKEN}/{method}"));
        Mock::given(at).and(body_partial_json(params)).respond_with(answer).mount(&server).await;
    }
    server
}

#[tokio::test]
async fn a_group_that_became_a_supergroup_is_followed_at_once() {
    let moved = json!({ "ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": { "migrate_to_chat_id": -1_001_234_567_890_123_i64 } });
    let me = json!({ "ok": true, "result": { "id": 1, "is_bot": true, "first_name": "Bot", "username": "a_bot" } });
    let done = json!({ "ok": true, "result": {} });
    let server = telegram(&[
        ("getMe", json!({}), 200, me),
        ("sendMessage", json!({ "chat_id": -5 }), 400, moved),
        ("sendMessage", json!({ "chat_id": -1_001_234_567_890_123_i64 }), 200, done.clone()),
        ("sendMessage", json!({ "chat_id": 9 }), 200, done),
    ])
    .await;
    let (handler, runs) =
        makes(vec![Call::send_message(-5, "one"), Call::send_message(9, "two"), Call::send_message(-5, "three")]);
    let wanted = TestAppBuilder::default().with("telegram.api_url", server.uri()).with("webhook.register", false);
    let app = wanted.with_handler(handler).start().await;
    app.deliver(&message(1, -5, "a")).await;
    app.drain().await;
    let sent: Vec<_> = server
        .received_requests()
        .await
        .expect("they are kept")
        .into_iter()
        .filter(|request| request.url.path().ends_with("sendMessage"))
        .map(|request| request.body_json::<Value>().map(|body| (body["chat_id"].as_i64(), body["text"].clone())))
        .map(|sent| sent.expect("JSON"))
        .collect();
    let new = Some(-1_001_234_567_890_123);
    let expected = [(Some(-5), json!("one")), (new, json!("one")), (Some(9), json!("two")), (new, json!("three"))];
    assert_eq!((sent, runs.load(Ordering::Relaxed)), (expected.to_vec(), 1));
}

#[tokio::test]
async fn the_cap_of_a_chat_is_obeyed() {
    let (handler, _) = makes((0..4).map(|_| Call::send_message(7, "a")).collect());
    let app = TestAppBuilder::default().with_handler(handler).with("outbound.per_chat_per_second", 10).start().await;
    app.registered().await;
    let began = Instant::now();
    app.deliver(&message(1, 7, "a")).await;
    waiting::soon("all are sent", app.drain()).await;
    assert_eq!(app.replies(7).len(), 4);
    assert!(began.elapsed() >= Duration::from_millis(300), "after {:?}", began.elapsed());
}

#[tokio::test]
async fn under_a_cap_a_waiting_call_is_put_off_once_and_made_at_its_turn() {
    let handler = handler_fn(|update| async move {
        Ok(vec![Call::send_message(update.chat_key.chat_id().unwrap_or_default(), "hello")])
    });
    let clock = ManualClock::new(SystemClock.now());
    let mut wanted = TestAppBuilder::default().with_handler(handler).with("outbound.per_second", 1.0);
    wanted.clock = Arc::new(clock.clone());
    let app = wanted.start().await;
    app.registered().await;
    let chats = 30;
    // A call whose turn is within two seconds waits in its attempt.
    for chat in 1..=chats {
        assert_eq!(app.deliver(&message(chat, chat, "/start")).await.status, 200);
    }
    let ended = |outcome| app.attempts().of(outcome).get();
    for made in 1..=30 {
        let so_far = || (ended(VerdictKind::Done), ended(VerdictKind::CallsLeft));
        waiting::until("one call a second", async || (so_far() == (made, 27)).then_some(())).await;
        clock.advance(Duration::from_secs(1));
    }
    assert_eq!(calls(&app, "sendMessage"), 30);
}
