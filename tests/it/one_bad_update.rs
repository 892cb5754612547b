//! One bad update harms no other: after bounded retries it becomes a dead-letter update, its chat goes on, and no other
//! chat waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::{Handler, HandlerError};
use doorbell::inbox::Selection;
use doorbell::telegram::Call;
use doorbell::update::Update;
use serde_json::{Value, json};
use tokio::sync::{Barrier, Notify};

use crate::harness::{Log, TestApp, TestAppBuilder, handler_fn, id, message, text, waiting};

/// A service whose clock the test moves.
async fn at_rest(clock: &ManualClock, wanted: TestAppBuilder) -> TestApp {
    let mut wanted = wanted;
    wanted.clock = Arc::new(clock.clone());
    let app = wanted.start().await;
    app.registered().await;
    app
}

fn clock() -> ManualClock {
    ManualClock::new(SystemClock.now())
}

/// Repeats the text of the message in its chat.
fn echo(update: &Update) -> Vec<Call> {
    vec![Call::send_message(update.chat_key.chat_id().expect("a chat"), text(update))]
}

/// A handler that answers "poison" by `poisoned` and every other text by an echo. Also returns how often "poison" came.
fn poisoned_by(
    poisoned: impl Fn() -> Result<Vec<Call>, HandlerError> + Send + Sync + 'static,
) -> (impl Handler, Arc<AtomicUsize>) {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    let handler = handler_fn(move |update| {
        let handled = if text(&update) == "poison" {
            counted.fetch_add(1, Ordering::Relaxed);
            None
        } else {
            Some(echo(&update))
        };
        let handled = handled.map_or_else(&poisoned, Ok);
        async move { handled }
    });
    (handler, tries)
}

/// Delivers "poison", an update after it in the same chat, and one in another chat.
async fn is_tried_eight_times(handler: impl Handler + 'static, tries: &AtomicUsize) {
    let clock = clock();
    let mut app = at_rest(&clock, TestAppBuilder::default().with_handler(handler)).await;
    for update in [message(1, 7, "poison"), message(2, 7, "after it"), message(3, 8, "beside it")] {
        assert_eq!(app.deliver(&update).await.status, 200);
    }
    app.drain().await;
    assert_eq!((app.replies(7), app.replies(8)), (vec![], vec!["beside it".to_owned()]), "no other chat waits");
    // 1 s, doubled up to 60 s: 1 + 2 + 4 + 8 + 16 + 32 + 60 s, less up to a fifth.
    for _ in 0..123 {
        assert!(app.replies(7).is_empty() || tries.load(Ordering::Relaxed) == 8);
        clock.advance(Duration::from_secs(1));
        app.drain().await;
    }
    assert_eq!(tries.load(Ordering::Relaxed), 8);
    assert_eq!((app.survey().await.dead, app.replies(7)), (1, vec!["after it".to_owned()]));
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn a_failing_update_is_given_up_after_eight_attempts_and_its_chat_goes_on() {
    let (handler, tries) = poisoned_by(|| Err(HandlerError::Retry("no".to_owned())));
    is_tried_eight_times(handler, &tries).await;
}

#[tokio::test]
async fn a_panic_of_the_handler_harms_only_its_update() {
    let (handler, tries) = poisoned_by(|| panic!("as some bots do"));
    is_tried_eight_times(handler, &tries).await;
}

#[tokio::test]
async fn the_chat_of_a_dead_letter_update_goes_on_at_once() {
    let (handler, _) = poisoned_by(|| Err(HandlerError::Reject("never".to_owned())));
    let clock = clock();
    let mut app = at_rest(&clock, TestAppBuilder::default().with_handler(handler)).await;
    app.deliver(&message(1, 7, "poison")).await;
    app.deliver(&message(2, 7, "after it")).await;
    // The clock stands still, so the reply did not wait.
    app.drain().await;
    assert_eq!((app.survey().await.dead, app.replies(7)), (1, vec!["after it".to_owned()]));
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn a_handler_that_takes_too_long_counts_as_failed() {
    let begun = Arc::new(Notify::new());
    let notify = Arc::clone(&begun);
    let hangs = handler_fn(move |_| {
        notify.notify_one();
        std::future::pending()
    });
    let clock = clock();
    let mut app = at_rest(&clock, TestAppBuilder::default().with_handler(hangs).with("dispatch.attempts", 2)).await;
    app.deliver(&message(1, 7, "a")).await;
    for attempt in 1..=2 {
        begun.notified().await;
        clock.advance(Duration::from_secs(29));
        assert_eq!(app.survey().await.held, 1, "it has 30 s");
        clock.advance(Duration::from_secs(1));
        let ended = waiting::until("the attempt has ended", async || (app.survey().await.held == 0).then_some(()));
        ended.await;
        assert_eq!(app.survey().await.dead, u64::from(attempt == 2));
        clock.advance(Duration::from_secs(1));
    }
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn a_bot_that_is_away_for_ten_minutes_loses_nothing_and_answers_in_order() {
    let away = Arc::new(AtomicBool::new(true));
    let is_away = Arc::clone(&away);
    let handler = handler_fn(move |update| {
        let away = is_away.load(Ordering::Relaxed);
        async move { if away { Err(HandlerError::Unavailable("deploying".to_owned())) } else { Ok(echo(&update)) } }
    });
    let clock = clock();
    let app = at_rest(&clock, TestAppBuilder::default().with_handler(handler)).await;
    for number in 1..=20 {
        app.deliver(&message(number, 7 + number % 2, &number.to_string())).await;
    }
    for _ in 0..60 {
        app.drain().await;
        clock.advance(Duration::from_secs(10));
    }
    let survey = app.survey().await;
    assert_eq!((survey.waiting, survey.dead), (20, 0));
    away.store(false, Ordering::Relaxed);
    clock.advance(Duration::from_secs(30));
    app.drain().await;
    let numbers = |from: i64| (0..10).map(|n| (from + 2 * n).to_string()).collect::<Vec<_>>();
    assert_eq!((app.replies(8), app.replies(7)), (numbers(1), numbers(2)));
}

#[tokio::test]
async fn an_update_expires_at_the_end_of_its_lifetime() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let away = handler_fn(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        async { Err(HandlerError::Unavailable("away".to_owned())) }
    });
    let clock = clock();
    let app = at_rest(&clock, TestAppBuilder::default().with_handler(away)).await;
    let callback = json!({ "update_id": 1, "callback_query": { "id": "1", "data": "a", "from": { "id": 7 } } });
    assert_eq!(app.deliver(&callback).await.status, 200);
    app.drain().await;
    // Telegram drops a callback query after 150 s.
    clock.advance(Duration::from_secs(151));
    app.drain().await;
    let survey = app.survey().await;
    assert_eq!((runs.load(Ordering::Relaxed), survey.waiting, survey.dead), (1, 0, 0));
}

#[tokio::test]
async fn chats_run_side_by_side_and_the_updates_of_a_chat_one_after_another() {
    let (meeting, order) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
    let noted = Arc::clone(&order);
    let handler = handler_fn(move |update| {
        let (meeting, order) = (Arc::clone(&meeting), Arc::clone(&noted));
        async move {
            // Each handler waits here for an update of the other chat. If they ran one after another, they would never
            // end.
            meeting.wait().await;
            order.lock().expect("no panic").push((update.chat_key.chat_id(), update.id.0));
            Ok(vec![])
        }
    });
    let app = at_rest(&clock(), TestAppBuilder::default().with_handler(handler)).await;
    for number in 1..=10 {
        app.deliver(&message(number, 7 + number % 2, "a")).await;
    }
    waiting::soon("all are handled", app.drain()).await;
    let order = order.lock().expect("no panic").clone();
    for chat in [7, 8] {
        let numbers: Vec<_> = order.iter().filter(|(of, _)| *of == Some(chat)).map(|(_, number)| *number).collect();
        assert!(numbers.len() == 5 && numbers.is_sorted(), "{order:?}");
    }
}

#[tokio::test]
async fn a_hanging_handler_delays_no_other_chat() {
    let handler = handler_fn(|update| async move {
        if text(&update) == "hang" {
            std::future::pending::<()>().await;
        }
        Ok(echo(&update))
    });
    let mut app = at_rest(&clock(), TestAppBuilder::default().with_handler(handler)).await;
    app.deliver(&message(1, 7, "hang")).await;
    for number in 2..100 {
        app.deliver(&message(number, 7 + number, "a")).await;
    }
    let others = app.sandbox.until(|sandbox| sandbox.messages(None).len() == 98);
    waiting::soon("all others are answered", others).await;
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn a_full_inbox_answers_503_with_retry_after_and_200_to_known_updates() {
    let away = handler_fn(|_| async { Err(HandlerError::Unavailable("away".to_owned())) });
    let mut app = at_rest(&clock(), TestAppBuilder::default().with_handler(away).with("inbox.capacity", 2)).await;
    let updates: [Value; 3] = [message(1, 7, "a"), message(2, 8, "a"), message(3, 9, "a")];
    for update in &updates[..2] {
        assert_eq!(app.deliver(update).await.status, 200);
    }
    let full = app.deliver(&updates[2]).await;
    let wait: u32 = full.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("it says when");
    assert!(full.status == 503 && (1..=5).contains(&wait), "{full:?}");
    assert_eq!(app.deliver(&updates[0]).await.status, 200, "update {} is known", id(&updates[0]));
    app.allow_unfinished_work = true;
}

#[tokio::test]
async fn the_log_of_a_panic_names_its_place_and_no_text_of_a_person() {
    let log = Log::capture();
    let handler = handler_fn(|update| async move {
        assert!(text(&update) == "nothing", "not wanted: {}", text(&update));
        Ok(Vec::new())
    });
    let clock = clock();
    let mut app = at_rest(&clock, TestAppBuilder::default().with_handler(handler).with("dispatch.attempts", 1)).await;
    app.allow_unfinished_work = true;
    app.deliver(&message(1, 7, "MARKED words")).await;
    app.drain().await;
    let dead = app.inbox.list(&Selection::All, 1).await.unwrap();
    let reason = dead[0].reason.as_deref().unwrap();
    assert!(reason.contains("it panicked") && reason.contains("withheld") && !reason.contains("MARKED"), "{reason}");
    assert_eq!((log.lines("withheld").len(), log.lines("MARKED").len()), (1, 0));
}
