//! A call whose answer is lost may have been carried out. It is sent at most three times in all, restarts included.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::dispatch::GiveUpReason;
use doorbell::sandbox::{Fault, FaultKind, Sandbox};
use doorbell::telegram::Call;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::{Log, TestApp, TestAppBuilder, count_calls, handler_fn, message, start_sandbox, text, waiting};

fn lost(method: &str, times: Option<u32>, what: FaultKind) -> Fault {
    Fault { method: Some(method.to_owned()), times, what }
}

/// A service on this file that answers a message with one message for each word.
async fn service(clock: &ManualClock, telegram: &Sandbox, folder: &Arc<TempDir>, attempts: u32) -> TestApp {
    let handler = handler_fn(|update| async move {
        let chat = update.chat_key.chat_id().expect("a chat");
        Ok(text(&update).split(' ').map(|word| Call::send_message(chat, word)).collect())
    });
    let wanted = TestAppBuilder { folder: Some(folder.clone()), ..TestAppBuilder::default() }.with_handler(handler);
    let wanted = wanted.with("outbound.unknown_outcome_attempts", attempts).with("outbound.max_in_flight", 1);
    wanted.with("webhook.register", false).with_sandbox(telegram).with_clock(clock).start().await
}

/// A clock, a Telegram and a folder that outlive a service.
async fn surroundings() -> (ManualClock, Sandbox, Arc<TempDir>) {
    let clock = ManualClock::new(SystemClock.now());
    let telegram = start_sandbox(&SystemClock).await;
    (clock, telegram, Arc::new(tempfile::tempdir().expect("a temporary folder")))
}

/// Moves the clock by three minutes, and lets the service do what becomes ready.
async fn pass_time(app: &TestApp, clock: &ManualClock) {
    for _ in 0..6 {
        app.drain().await;
        clock.advance(Duration::from_secs(30));
    }
    app.drain().await;
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_sent_three_times_and_then_its_chat_continues() {
    for what in [FaultKind::Lost, FaultKind::Garbage, FaultKind::Close] {
        let (clock, telegram, folder) = surroundings().await;
        let app = service(&clock, &telegram, &folder, 3).await;
        let log = Log::capture();
        telegram.add_fault(lost("sendMessage", Some(3), what.clone()));
        app.deliver(&message(1, 7, "secret-words")).await;
        app.deliver(&message(2, 7, "after")).await;
        pass_time(&app, &clock).await;
        assert_eq!(count_calls(&telegram, "sendMessage"), 4, "{what:?}");
        assert_eq!(app.replies(7).last().map(String::as_str), Some("after"));
        assert_eq!(app.dispatch.counts().given_up.of(GiveUpReason::Unknown).get(), 1);
        let given_up = log.lines("every answer was lost");
        assert!(given_up.len() == 1 && given_up[0].contains("chat:7") && given_up[0].contains("sendMessage"));
        assert!(log.lines("secret-words").is_empty());
    }
}

#[tokio::test]
async fn the_count_of_sends_survives_a_restart() {
    let (clock, telegram, folder) = surroundings().await;
    telegram.add_fault(lost("sendMessage", None, FaultKind::Lost));
    for sent in [1, 2, 3, 3] {
        let mut app = service(&clock, &telegram, &folder, 3).await;
        if sent == 1 {
            app.deliver(&message(1, 7, "once")).await;
        }
        clock.advance(Duration::from_secs(30));
        app.drain().await;
        assert_eq!(count_calls(&telegram, "sendMessage"), sent);
        app.allow_unfinished_work = sent < 3;
        app.stop().await.expect("it stops without an error");
    }
}

#[tokio::test]
async fn a_call_that_was_certainly_not_carried_out_is_not_counted() {
    let (clock, telegram, folder) = surroundings().await;
    let app = service(&clock, &telegram, &folder, 3).await;
    let throttled = FaultKind::Status { code: 429, description: "Too Many Requests".to_owned(), retry_after: Some(1) };
    let sure = [FaultKind::Html(502), FaultKind::Html(404), throttled, FaultKind::Html(302)];
    telegram.add_fault(lost("sendMessage", Some(1), FaultKind::Lost));
    for what in sure {
        telegram.add_fault(lost("sendMessage", Some(2), what));
    }
    telegram.add_fault(lost("sendMessage", Some(1), FaultKind::Garbage));
    app.deliver(&message(1, 7, "hello")).await;
    for _ in 0..3 {
        pass_time(&app, &clock).await;
    }
    assert_eq!(app.dispatch.counts().given_up.of(GiveUpReason::Unknown).get(), 0);
    assert_eq!((count_calls(&telegram, "sendMessage"), app.replies(7).len()), (11, 3), "the third send is answered");
}

#[tokio::test]
async fn after_a_restart_the_calls_continue_with_the_one_that_failed() {
    let (clock, telegram, folder) = surroundings().await;
    let mut app = service(&clock, &telegram, &folder, 3).await;
    telegram.add_fault(lost("sendMessage", Some(1), FaultKind::Slow(Duration::ZERO)));
    telegram.add_fault(lost("sendMessage", Some(1), FaultKind::Html(502)));
    app.deliver(&message(1, 7, "one two three")).await;
    app.drain().await;
    assert_eq!(app.replies(7), ["one"]);
    app.allow_unfinished_work = true;
    app.stop().await.expect("it stops without an error");
    drop(app);
    clock.advance(Duration::from_secs(30));
    let app = service(&clock, &telegram, &folder, 3).await;
    app.drain().await;
    assert_eq!(app.replies(7), ["one", "two", "three"]);
}

#[tokio::test]
async fn a_call_in_flight_at_the_hard_stop_counts_as_sent_and_a_waiting_one_does_not() {
    let (clock, telegram, folder) = surroundings().await;
    let mut app = service(&clock, &telegram, &folder, 1).await;
    telegram.add_fault(lost("sendMessage", Some(1), FaultKind::Hang));
    app.deliver(&message(1, 7, "in-flight")).await;
    waiting::until("it is in flight", async || (count_calls(&telegram, "sendMessage") == 1).then_some(())).await;
    app.deliver(&message(2, 8, "waiting")).await;
    waiting::until("both are in progress", async || (app.survey().await.held == 2).then_some(())).await;
    app.allow_unfinished_work = true;
    app.shutdown.stop_hard();
    app.stop_by_itself().await.expect("it stops without an error");
    drop(app);
    clock.advance(Duration::from_secs(30));
    let app = service(&clock, &telegram, &folder, 1).await;
    app.drain().await;
    assert_eq!((app.replies(7), app.replies(8)), (vec![], vec!["waiting".to_owned()]));
    assert_eq!(count_calls(&telegram, "sendMessage"), 2);
}

/// A Bot API on a plain socket. It carries out each `sendMessage`, answers with these bytes, and closes.
async fn spoils_answers(bytes: &'static [u8]) -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port is free");
    let addr = listener.local_addr().expect("it has an address");
    let carried_out = Arc::<Mutex<Vec<String>>>::default();
    let list = Arc::clone(&carried_out);
    #[expect(clippy::disallowed_methods, reason = "it ends with the test")]
    tokio::task::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn(answer(stream, bytes, Arc::clone(&list)));
        }
    });
    (addr, carried_out)
}

async fn answer(mut stream: TcpStream, bytes: &'static [u8], carried_out: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    let (method, body) = loop {
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_ascii_lowercase().split_once("content-length: ").expect("a length").1.to_owned();
        if body.len() >= length.lines().next().expect("a line").parse().expect("a number") {
            let method = head.split([' ', '/']).nth(3).expect("a path").to_owned();
            break (method, body.to_owned());
        }
    };
    if method != "sendMessage" {
        let me = json!({ "ok": true, "result": { "id": 1, "is_bot": true, "first_name": "B", "username": "b" } });
        let (me, length) = (me.to_string(), me.to_string().len());
        let whole = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{me}");
        stream.write_all(whole.as_bytes()).await.expect("it is read");
        return;
    }
    let params: Value = serde_json::from_str(&body).expect("JSON");
    carried_out.lock().expect("no panic").push(params["text"].as_str().expect("a text").to_owned());
    stream.write_all(bytes).await.expect("it is read");
}

#[tokio::test]
async fn a_truncated_success_is_an_unknown_outcome_and_a_truncated_refusal_is_not() {
    let success = b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n{\"ok\":true,\"result\":";
    let cuts: [(&[u8], usize); 7] = [
        (b"", 3),
        (b"HTTP/1.1 200 O", 3),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\n\r\n", 3),
        (success, 3),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"ok\":tr", 3),
        // These calls were certainly not carried out, so they are sent again without a limit.
        (b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 40\r\n\r\n<html>", 7),
        (b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 9\r\ncontent-length: 40\r\n\r\n{", 7),
    ];
    for (bytes, sends) in cuts {
        let (api, carried_out) = spoils_answers(bytes).await;
        let clock = ManualClock::new(SystemClock.now());
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&runs);
        let handler = handler_fn(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            async { Ok(vec![Call::send_message(7, "hello")]) }
        });
        let wanted = TestAppBuilder::default().with_handler(handler).with_clock(&clock);
        let wanted = wanted.with("telegram.api_url", format!("http://{api}")).with("webhook.register", false);
        let mut app = wanted.start().await;
        app.deliver(&message(1, 7, "a")).await;
        pass_time(&app, &clock).await;
        let cut = String::from_utf8_lossy(bytes);
        assert_eq!(carried_out.lock().expect("no panic").len(), sends, "{cut:?}");
        assert_eq!(runs.load(Ordering::Relaxed), 1, "the handler is not run again");
        assert_eq!(app.survey().await.waiting, u64::from(sends > 3), "{cut:?}");
        app.allow_unfinished_work = sends > 3;
    }
}
