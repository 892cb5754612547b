//! A call that Telegram refuses, or that Doorbell forbids, is not made again. It is counted and listed with the dead-letter
//! updates. Its chat goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use doorbell::dispatch::GiveUpReason;
use doorbell::inbox::{Record, Selection};
use doorbell::sandbox::{Fault, FaultKind};
use doorbell::telegram::Call;

use crate::harness::{Log, TestApp, TestAppBuilder, count_calls, handler_fn, message, text};

const MARKUP: &str = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 0";
const BLOCKED: &str = "Forbidden: bot was blocked by the user";
const TOO_OLD: &str = "Bad Request: query is too old and response timeout expired or query ID is invalid";

fn refuse(app: &TestApp, method: &str, times: Option<u32>, code: u16, description: &str) {
    let what = FaultKind::Status { code, description: description.to_owned(), retry_after: None };
    app.sandbox.add_fault(Fault { method: Some(method.to_owned()), times, what });
}

/// A service whose handler returns these calls for each message except "hello", which it answers, and the number of its
/// runs.
async fn makes(calls: Vec<Call>) -> (TestApp, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let handler = handler_fn(move |update| {
        counted.fetch_add(1, Ordering::Relaxed);
        let calls = if text(&update) == "hello" { vec![Call::send_message(7, "hello")] } else { calls.clone() };
        async move { Ok(calls) }
    });
    let mut app = TestAppBuilder::default().with_handler(handler).start().await;
    app.registered().await;
    app.allow_unfinished_work = true;
    (app, runs)
}

async fn dead(app: &TestApp) -> Vec<Record> {
    app.inbox.list(&Selection::All, 10).await.expect("the inbox answers")
}

#[tokio::test]
async fn a_reply_that_is_refused_makes_its_update_dead_and_names_its_command_and_chat() {
    let (app, _) = makes(vec![Call::send_message(7, "<x>").with_origin("/start")]).await;
    let log = Log::capture();
    refuse(&app, "sendMessage", Some(1), 400, MARKUP);
    app.deliver(&message(1, 7, "/start")).await;
    app.deliver(&message(2, 7, "hello")).await;
    app.drain().await;
    assert_eq!(app.replies(7), ["hello"], "its chat continues");
    let [record] = &dead(&app).await[..] else { panic!("one is dead") };
    let reason = record.reason.as_deref().unwrap_or_default();
    assert!(reason.starts_with("/start, sendMessage: Telegram refused it: 400"), "{reason}");
    let lines = log.lines("a call was refused");
    assert!(lines.len() == 1 && lines[0].contains("chat:7") && lines[0].contains("/start"), "{lines:?}");
    assert_eq!(app.dispatch.counts().given_up.of(GiveUpReason::Refused).get(), 1);
    assert_eq!(count_calls(&app.sandbox, "sendMessage"), 2, "it was not made again");
}

#[tokio::test]
async fn the_other_calls_of_an_update_are_made_and_a_retry_makes_the_refused_one() {
    let (app, runs) = makes(vec![
        Call::send_message(7, "first"),
        Call::new("sendPhoto").with("chat_id", 7).with("photo", "a"),
        Call::send_message(7, "third"),
    ])
    .await;
    refuse(&app, "sendPhoto", Some(1), 400, "Bad Request: not enough rights to send photos to the chat");
    // The other calls are delayed, and the refusal is remembered in the meantime.
    let throttled = FaultKind::Status { code: 429, description: "Too Many Requests".to_owned(), retry_after: Some(1) };
    app.sandbox.add_fault(Fault {
        method: Some("sendMessage".to_owned()),
        times: Some(1),
        what: FaultKind::Slow(std::time::Duration::ZERO),
    });
    app.sandbox.add_fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what: throttled });
    app.deliver(&message(1, 7, "a")).await;
    crate::harness::waiting::until("it is dead", async || (app.survey().await.dead == 1).then_some(())).await;
    assert_eq!(app.replies(7), ["first", "third"]);
    assert_eq!(
        dead(&app).await[0].calls_left.as_ref().map(|calls| calls[0].method.clone()),
        Some("sendPhoto".to_owned())
    );
    app.inbox.revive(&Selection::All).await.expect("it can be revived");
    app.drain().await;
    assert_eq!(app.replies(7), ["first", "third", "[photo]"], "calls that were made are not made again");
    assert_eq!((runs.load(Ordering::Relaxed), app.survey().await.dead), (1, 0));
}

#[tokio::test]
async fn a_retry_runs_a_corrected_bot_again_if_no_call_was_made() {
    let corrected = Arc::new(AtomicBool::new(false));
    let is_corrected = Arc::clone(&corrected);
    let handler = handler_fn(move |_| {
        let text = if is_corrected.load(Ordering::Relaxed) { "<b>hi</b>" } else { "<x>hi" };
        async move { Ok(vec![Call::send_message(7, text).with("parse_mode", "HTML")]) }
    });
    let app = TestAppBuilder::default().with_handler(handler).start().await;
    app.registered().await;
    app.deliver(&message(1, 7, "/start")).await;
    app.drain().await;
    assert_eq!((app.replies(7).len(), app.survey().await.dead), (0, 1));
    corrected.store(true, Ordering::Relaxed);
    app.inbox.revive(&Selection::All).await.expect("it can be revived");
    app.drain().await;
    assert_eq!((app.replies(7), app.survey().await.dead), (vec!["hi".to_owned()], 0));
}

#[tokio::test]
async fn a_blocked_bot_and_an_old_query_leave_no_dead_letter_update() {
    let (app, _) = makes(vec![
        Call::new("answerCallbackQuery").with("callback_query_id", "1"),
        Call::send_message(7, "never"),
        Call::new("sendChatAction").with("chat_id", 7).with("action", "typing"),
    ])
    .await;
    refuse(&app, "answerCallbackQuery", None, 400, TOO_OLD);
    refuse(&app, "sendMessage", None, 403, BLOCKED);
    app.deliver(&message(1, 7, "a")).await;
    app.drain().await;
    let survey = app.survey().await;
    assert_eq!((survey.waiting, survey.held, survey.dead), (0, 0, 0));
    assert_eq!(count_calls(&app.sandbox, "sendChatAction"), 1, "the next one is made");
    assert_eq!(app.dispatch.counts().given_up.of(GiveUpReason::Ordinary).get(), 2);
}

#[tokio::test]
async fn a_handler_can_neither_poll_nor_touch_the_registration() {
    let methods = [
        "getUpdates",
        "GETUPDATES",
        "setWebhook",
        "SetWebHook",
        "deleteWebhook",
        "DELETEWEBHOOK",
        "logOut",
        "close",
        "cLOSE",
    ];
    for method in methods {
        let (app, _) = makes(vec![Call::new(method).with("url", "")]).await;
        let (before, log) = (app.sandbox.calls().len(), Log::capture());
        app.deliver(&message(1, 7, "a")).await;
        app.deliver(&message(2, 7, "hello")).await;
        app.drain().await;
        let sent: Vec<_> = app.sandbox.calls()[before..].iter().map(|call| call.method.clone()).collect();
        assert_eq!(sent, ["sendMessage"], "{method} is not sent, and its chat continues");
        assert!(app.registration.borrow().is_active() && app.sandbox.webhook().is_some());
        let [record] = &dead(&app).await[..] else { panic!("one is dead") };
        let reason = record.reason.clone().unwrap_or_default();
        assert!(reason.to_lowercase().contains(&format!("may not call {}", method.to_lowercase())), "{reason}");
        assert_eq!(log.lines("may not call").len(), 2, "the refusal, and the dead update");
    }
}

#[tokio::test]
async fn a_method_name_that_resembles_a_forbidden_one_is_not_sent() {
    for method in ["getUpdates ", "getUpdates?", "./getUpdates", "get%55pdates", "getUpdates\u{0}", "\u{212a}lose"] {
        let (app, _) = makes(vec![Call::new(method)]).await;
        let before = app.sandbox.calls().len();
        app.deliver(&message(1, 7, "a")).await;
        app.drain().await;
        assert_eq!((app.sandbox.calls().len(), app.survey().await.dead), (before, 1), "{method}");
    }
}
