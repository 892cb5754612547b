//! Only the operator gets in.

use std::time::Duration;

use doorbell::clock::ManualClock;
use jiff::Timestamp;

use super::{Operator, Request, session, token, with_console};
use crate::harness::{Log, TestApp};

const PAGES: [&str; 4] = ["/console", "/console/login", "/console/updates/1", "/console/events"];

fn clock() -> ManualClock {
    ManualClock::new("2026-11-30T12:00:00Z".parse::<Timestamp>().unwrap())
}

#[tokio::test]
async fn without_an_operators_token_in_the_settings_there_is_no_console() {
    let app = TestApp::spawn().await;
    let nothing = Request::get("/nothing").send(app.addr).await.0;
    for path in PAGES {
        let answer = Request::get(path).send(app.addr).await.0;
        assert_eq!((answer.status, answer.body), (404, nothing.body.clone()), "{path}");
    }
}

#[tokio::test]
async fn the_login_leads_back_to_the_page_that_was_asked_for_and_the_cookie_is_only_for_the_console() {
    let app = with_console().start().await;
    let asked = "/console/updates?state=dead&q=-7";
    let (refused, _) = Request::get(asked).send(app.addr).await;
    let login = refused.header("location").expect("it leads to the login").to_owned();
    assert_eq!((refused.status, refused.body.as_str()), (303, ""));
    assert_eq!(login, "/console/login?next=%2fconsole%2fupdates%3fstate%3ddead%26q%3d-7");

    let login = login.replace("%2f", "%2F").replace("%3f", "%3F").replace("%3d", "%3D");
    let form = Request::get(&login).send(app.addr).await.0;
    assert!(
        form.status == 200 && form.body.contains(r#"name="next" value="/console/updates?state=dead&#38;q=-7""#),
        "{form:?}"
    );
    let (answer, head) = Request::post("/console/login", &[("token", &token()), ("next", asked)]).send(app.addr).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some(asked)));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.ends_with("; path=/console; max-age=43200; httponly; samesite=strict"), "{cookie}");
    let operator = Operator { addr: app.addr, session: session(&head).unwrap() };
    assert_eq!(operator.get(asked).await.status, 200);
    assert_eq!(operator.get("/console/login").await.header("location"), Some("/console"));

    let other = [("token", &*token()), ("next", "https://other.example/console")];
    let (answer, _) = Request::post("/console/login", &other).send(app.addr).await;
    assert_eq!(answer.header("location"), Some("/console"), "no other site is a way back");
    let out = operator.post("/console/logout", &[]).await;
    assert!(out.header("set-cookie").unwrap().starts_with("doorbell_session=; path=/console; max-age=0"), "{out:?}");
}

#[tokio::test]
async fn a_session_that_came_by_https_is_never_sent_without_it() {
    let app = with_console().start().await;
    for (protocol, is_secure) in [("https", true), ("http", false)] {
        let request = Request::post("/console/login", &[("token", &token())]).with("X-Forwarded-Proto", protocol);
        let answer = request.send(app.addr).await.0;
        assert_eq!(answer.header("set-cookie").unwrap().ends_with("; secure"), is_secure, "{protocol}");
    }
}

#[tokio::test]
async fn a_program_sends_the_token_as_bearer_credentials_and_gets_a_problem_without_it() {
    let app = with_console().start().await;
    for (credentials, status) in [(Some(token()), 200), (Some("wrong".to_owned()), 401), (None, 401)] {
        let mut request = Request::get("/console").with("Accept", "application/json");
        if let Some(credentials) = &credentials {
            request = request.with("Authorization", format!("Bearer {credentials}"));
        }
        let answer = request.send(app.addr).await.0;
        assert_eq!(answer.status, status, "{answer:?}");
        let content = if status == 200 { "application/json" } else { "application/problem+json" };
        assert_eq!(answer.header("content-type"), Some(content));
    }
    assert_eq!(Request::get("/console/events").send(app.addr).await.0.status, 401);
}

#[tokio::test]
async fn ten_wrong_tokens_a_minute_slow_their_address_down_and_no_other() {
    let (log, clock) = (Log::capture(), clock());
    let app = with_console().with("webhook.source_header", "X-Real-IP").with_clock(&clock).start().await;
    let send = async |token: &str, from: &str| {
        Request::post("/console/login", &[("token", token)]).with("X-Real-IP", from).send(app.addr).await.0
    };
    for _ in 0..10 {
        let answer = send("wrong", "203.0.113.9").await;
        assert!(answer.status == 401 && answer.header("set-cookie").is_none(), "{answer:?}");
        assert!(answer.body.contains("not the operator&#39;s token"), "{}", answer.body);
    }
    let limited = send(&token(), "203.0.113.9").await;
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("60")), "also the right one must wait");
    assert_eq!(send(&token(), "203.0.113.10").await.status, 303, "another address gets in");
    assert_eq!(send("wrong", "203.0.113.11").await.status, 401);
    assert_eq!(send("wrong", "203.0.113.11").await.status, 429, "too many come in all, so one is enough now");
    let bearer = Request::get("/console").with("Authorization", "Bearer wrong").with("X-Real-IP", "203.0.113.9");
    assert_eq!(bearer.send(app.addr).await.0.status, 429, "both ways in count together");
    clock.advance(Duration::from_mins(1));
    assert_eq!(send(&token(), "203.0.113.9").await.status, 303);
    assert_eq!(log.lines("wrong operator's token").len(), 1, "one line a minute");
}

#[tokio::test]
async fn a_session_ends_after_twelve_hours_and_when_the_token_changes() {
    let clock = clock();
    let app = with_console().with_clock(&clock).start().await;
    let operator = Operator::log_in(&app).await;
    clock.advance(Duration::from_secs(12 * 3_600 - 1));
    assert_eq!(operator.get("/console/settings").await.status, 200);
    clock.advance(Duration::from_secs(1));
    let ended = operator.get("/console/settings").await;
    assert_eq!((ended.status, ended.header("location")), (303, Some("/console/login?next=%2fconsole%2fsettings")));

    let operator = Operator::log_in(&app).await;
    let other = with_console().with("console.token", "another-token-of-the-operator").with_clock(&clock).start().await;
    let elsewhere = Operator { addr: other.addr, ..operator.clone() };
    assert_eq!((operator.get("/console").await.status, elsewhere.get("/console").await.status), (200, 303));
}

#[tokio::test]
async fn a_page_of_another_site_can_change_nothing() {
    let app = with_console().start().await;
    let operator = Operator::log_in(&app).await;
    for path in ["/console/pause", "/console/dead/discard", "/console/webhook/register", "/console/login"] {
        for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://other.example")] {
            let answer = operator.send(Request::post(path, &[("all", "1")]).with(name, value)).await;
            assert_eq!(answer.status, 403, "{path} {name}");
        }
    }
    assert_eq!(operator.json("/console").await["paused"], false);
}
