use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use doorbell::clock::{Clock, ManualClock, SystemClock};
use doorbell::handler::forward::BotStatus;
use doorbell::inbox::Selection;

use super::bot::{Act, Bot, answer, status};
use super::{holds, in_front_of, status_is};
use crate::harness::{Log, TestApp, message};

/// A bot that acts so for the first requests, and takes all others.
async fn first(times: usize, act: Act) -> Arc<Bot> {
    let count = AtomicUsize::new(0);
    Bot::start(move |_| if count.fetch_add(1, Ordering::SeqCst) < times { act.clone() } else { status(200) }).await
}

/// The reason of the only dead-letter update.
async fn reason(app: &TestApp) -> String {
    holds(app, 0, 1).await;
    let dead = app.inbox.list(&Selection::All, 10).await.expect("the inbox answers");
    dead[0].reason.clone().expect("a reason")
}

#[tokio::test]
async fn every_2xx_is_done() {
    for code in [200, 201, 202, 204, 299] {
        let bot = Bot::start(
            move |_| if code == 204 { Act::Answer(b"HTTP/1.1 204 No\r\n\r\n".to_vec()) } else { status(code) },
        )
        .await;
        let app = in_front_of(&bot).start().await;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        bot.received(1).await;
        holds(&app, 0, 0).await;
        assert_eq!(bot.requests().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_error_of_the_bot_costs_an_attempt_and_says_so() {
    for code in [400, 402, 410, 413, 415, 422, 500, 501, 505] {
        let bot = first(2, answer(code, "Content-Type: text/plain\r\n", "CANARY")).await;
        let mut app = in_front_of(&bot).with("dispatch.attempts", 2).start().await;
        app.allow_unfinished_work = true;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        let reason = reason(&app).await;
        assert!(reason.contains(&format!("it answered {code}")), "{reason}");
        assert_eq!(bot.requests().len(), 2);
        assert_eq!(app.deliver(&message(2, 7, "b")).await.status, 200);
        bot.received(3).await;
    }
}

#[tokio::test]
async fn a_cut_connection_costs_an_attempt() {
    for cut in [
        &b""[..],
        b"HTTP/1.1 20",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"a\"",
    ] {
        let bot = first(2, Act::Crash(cut.to_vec())).await;
        let crashes = bot.restart_after_crashes();
        let mut app = in_front_of(&bot).with("dispatch.attempts", 2).start().await;
        app.allow_unfinished_work = true;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        let reason = reason(&app).await;
        assert!(reason.contains("closed the connection without an answer"), "{reason}");
        assert_eq!((bot.requests().len(), *crashes.borrow()), (2, 2));
    }
}

/// A bot that does not answer costs an attempt after `limit`, and not before.
async fn no_answer_within(limit: Duration, setting: Option<&str>) {
    let clock = ManualClock::new(SystemClock.now());
    let bot = first(1, Act::Hang).await;
    let mut service = in_front_of(&bot).with("dispatch.attempts", 1).with_clock(&clock);
    if let Some(setting) = setting {
        service = service.with("forward.time_limit", setting);
    }
    let mut app = service.start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
    bot.received(1).await;
    clock.advance(limit.checked_sub(Duration::from_secs(1)).unwrap());
    holds(&app, 1, 0).await;
    clock.advance(Duration::from_secs(1));
    let reason = reason(&app).await;
    assert!(reason.contains(&format!("did not answer within {} s", limit.as_secs())), "{reason}");
}

#[tokio::test]
async fn no_answer_within_60_s_costs_an_attempt() {
    no_answer_within(Duration::from_mins(1), None).await;
}

#[tokio::test]
async fn an_agent_may_take_as_long_as_its_owner_says() {
    no_answer_within(Duration::from_mins(10), Some("10m")).await;
}

#[tokio::test]
async fn a_bot_that_starts_or_stops_costs_no_attempt() {
    for code in [502, 503, 504] {
        let bot = first(3, status(code)).await;
        let app = in_front_of(&bot).with("dispatch.attempts", 1).start().await;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        let requests = bot.received(4).await;
        assert!(requests.iter().all(|request| request.header("x-doorbell-attempt") == Some("1")));
        holds(&app, 0, 0).await;
        status_is(&app, "available", BotStatus::is_available).await;
    }
}

#[tokio::test]
async fn a_bot_that_is_set_up_wrong_costs_no_attempt_and_the_log_says_once_what_to_mend() {
    for (code, headers, words) in [
        (301, "Location: https://elsewhere.example/\r\n", "points to another URL"),
        (307, "Location: /hook/\r\nServer: uvicorn\r\n", "end the webhook URL with /"),
        (308, "Location: https://127.0.0.1/hook\r\n", "points to https"),
        (401, "", "secret token"),
        (403, "Server: TornadoServer/6.4\r\n", "python-telegram-bot"),
        (404, "", "nothing is at the path"),
        (405, "", "takes no POST"),
    ] {
        let log = Log::capture();
        let bot = first(3, answer(code, headers, "")).await;
        let app = in_front_of(&bot).with("dispatch.attempts", 1).start().await;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        let status = status_is(&app, "misconfigured", |status| matches!(status, BotStatus::Misconfigured { .. })).await;
        assert!(status.sentence().contains(words), "{}", status.sentence());
        holds(&app, 0, 0).await;
        status_is(&app, "available", BotStatus::is_available).await;
        assert_eq!(bot.requests().len(), 4);
        assert!(
            bot.requests().iter().all(|request| request.head.starts_with("POST /hook ")),
            "no redirect is followed"
        );
        assert_eq!(log.lines(words).len(), 1, "{code}");
    }
}

#[tokio::test]
async fn an_update_that_alone_is_refused_does_not_stop_the_others() {
    let bot =
        Bot::start(
            |request| {
                if String::from_utf8_lossy(&request.body).contains("poison") { status(404) } else { status(200) }
            },
        )
        .await;
    let mut app = in_front_of(&bot).start().await;
    app.allow_unfinished_work = true;
    assert_eq!(app.deliver(&message(1, 7, "poison")).await.status, 200);
    for id in 2..=40 {
        assert_eq!(app.deliver(&message(id, id + 10, "a")).await.status, 200);
        bot.received(usize::try_from(id).expect("a small number")).await;
    }
    assert!(reason(&app).await.contains("404"));
}

#[tokio::test]
async fn a_wait_that_the_bot_asks_for_is_obeyed() {
    for (code, wait) in [(429, 2), (503, 2)] {
        let bot = first(1, answer(code, &format!("Retry-After: {wait}\r\n"), "")).await;
        let app = in_front_of(&bot).with("dispatch.attempts", 1).start().await;
        for id in 1..=5 {
            assert_eq!(app.deliver(&message(id, id, "a")).await.status, 200);
        }
        let requests = bot.received(2).await;
        let waited = requests[1].at.duration_since(requests[0].at);
        assert!(waited >= Duration::from_secs(wait), "{waited:?}");
        holds(&app, 0, 0).await;
    }
}

#[tokio::test]
async fn an_answer_of_any_size_does_no_harm() {
    let mib = 1024 * 1024;
    let json = format!("{{\"method\":\"sendMessage\",\"text\":\"{}\"}}", "a".repeat(mib));
    let chunk = format!("{:x}\r\n{}\r\n", mib, "a".repeat(mib));
    let chunked = |kind: &str, chunks: usize| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
        Act::Answer([head, chunk.repeat(chunks)].concat().into_bytes())
    };
    for (act, taken) in [
        (answer(200, "Content-Type: application/json\r\n", &json), false),
        (chunked("application/x-www-form-urlencoded", 2), false),
        (chunked("multipart/form-data; boundary=x", 22), false),
        (Act::Answer(b"HTTP/1.1 200 OK\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000000\r\n\r\n".to_vec()), false),
        (Act::Answer(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10000000000\r\n\r\n<html>".to_vec()), true),
        (chunked("text/plain", 30), true),
        (Act::Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n".to_vec()), true),
    ] {
        let bot = first(1, act).await;
        let mut app = in_front_of(&bot).with("dispatch.attempts", 1).start().await;
        app.allow_unfinished_work = true;
        assert_eq!(app.deliver(&message(1, 7, "a")).await.status, 200);
        if taken {
            bot.received(1).await;
            holds(&app, 0, 0).await;
        } else {
            assert!(reason(&app).await.contains("MiB"));
        }
        assert_eq!(app.deliver(&message(2, 7, "b")).await.status, 200);
        bot.received(2).await;
    }
}
