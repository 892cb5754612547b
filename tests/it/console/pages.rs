//! What each page says, in each store.

use std::collections::BTreeSet;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Operator, Rejects, Request, token, with_console};
use crate::harness::postgres::Database;
use crate::harness::waiting::{soon, until};
use crate::harness::{Log, MARK, TestApp, TestAppBuilder, message};

const PAGES: [&str; 9] = [
    "/console",
    "/console/updates",
    "/console/updates?state=dead&kind=message&q=7",
    "/console/updates/2",
    "/console/held-back?chat=7",
    "/console/dead",
    "/console/webhook",
    "/console/bot",
    "/console/settings",
];

/// The service with this store, if there is one: an update that was done and one that was given up.
async fn with_two(store: &str) -> Option<(TestApp, Option<Database>)> {
    let (mut builder, mut database) = (with_console().with_handler(Rejects::default()), None);
    match store {
        "postgres" => {
            let fresh = Database::fresh().await?;
            builder = builder.with("inbox.url", fresh.url.clone());
            database = Some(fresh);
        }
        "memory" => builder = builder.with("inbox.url", "memory:"),
        _ => {}
    }
    let mut app = builder.start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    for update in [message(1, 7, "fine"), message(2, 7, "<script>alert(1)</script>")] {
        until("the update is accepted", async || (app.deliver(&update).await.status == 200).then_some(())).await;
    }
    until("the update is given up", async || app.inbox.survey().await.ok().filter(|survey| survey.dead == 1)).await;
    Some((app, database))
}

#[tokio::test]
async fn each_page_is_html_in_two_languages_and_json_with_every_store() {
    for store in ["sqlite", "memory", "postgres"] {
        let Some((app, _database)) = with_two(store).await else { continue };
        let operator = Operator::log_in(&app).await;
        for path in PAGES {
            let page = operator.get(path).await;
            assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
            assert!(
                page.header("content-security-policy").unwrap().starts_with("default-src 'none'; script-src 'self'")
            );
            assert_eq!(page.header("cache-control"), Some("no-store"));
            for part in ["<h1", "<html lang=\"en\"", "aria-current=\"page\"", "<nav", "data-live=\"/console/events\""] {
                assert!(page.body.contains(part), "{store} {path} has no {part}: {}", page.body);
            }
            assert!(!page.body.contains("<script>") && !page.body.contains(" style="), "{store} {path}: {}", page.body);
            let russian = operator.send(Request::get(path).with("Accept-Language", "ru")).await;
            assert!(russian.body.contains("<html lang=\"ru\"") && russian.body.contains("Настройки"), "{store} {path}");
            operator.json(path).await;
        }
        let overview = operator.json("/console").await;
        assert_eq!((&overview["updates"]["dead"], &overview["updates"]["waiting"]), (&1.into(), &0.into()), "{store}");
        let update = operator.json("/console/updates/2").await;
        assert_eq!(
            (&update["id"], &update["record"]["state"]),
            (&"2".into(), &"dead".into()),
            "{store}: ids are texts"
        );
        assert_eq!(update["record"]["reason"], "the bot refuses the update: rejected <script>alert(1)</script>");
        let dead = operator.json("/console/dead").await;
        assert_eq!(dead["groups"][0]["count"], 1, "{store}: {dead}");
    }
}

#[tokio::test]
async fn what_a_person_wrote_is_shown_only_on_request_and_the_log_says_so() {
    let log = Log::capture();
    let (app, _) = with_two("sqlite").await.unwrap();
    let operator = Operator::log_in(&app).await;
    let page = operator.get("/console/updates/2").await;
    assert!(page.body.contains("Show the content") && !page.body.contains("\"first_name\""), "{}", page.body);
    assert!(page.body.contains("Copy as curl (this is logged)</button>"), "{}", page.body);
    assert!(log.lines("was shown to the operator").is_empty());
    let shown = operator.post("/console/updates/2/content", &[]).await;
    assert!(
        shown.status == 200 && shown.body.contains("first_name") && shown.body.contains("$WEBHOOK_SECRET"),
        "{shown:?}"
    );
    let lines = log.lines("the content of the update was shown to the operator");
    assert!(lines.len() == 1 && lines[0].contains("update.id=2"), "{lines:?}");
    let request = Request::post("/console/updates/2/content", &[]).with("Accept", "application/json");
    let curl = operator.send(request).await.json()["curl"].as_str().unwrap().to_owned();
    assert!(curl.starts_with("curl -i 'http://127.0.0.1:") && curl.contains("\"update_id\""), "{curl}");
    assert!(curl.contains(": $WEBHOOK_SECRET\"") && !curl.contains(MARK), "the secret is a variable: {curl}");
    assert_eq!(log.lines("the content of the update was shown to the operator").len(), 2);
    let handled = operator.get("/console/updates/1").await.body;
    assert!(!handled.contains("Copy as curl"), "its content is erased: {handled}");
    let erased = operator.post("/console/updates/1/content", &[]).await;
    assert!(erased.status == 404 && erased.body.contains("not stored any more"), "{erased:?}");
    assert_eq!(operator.get("/console/updates/2/content").await.status, 405, "a link cannot show it");
}

#[tokio::test]
async fn the_link_to_the_other_language_keeps_the_filter_the_page_and_the_search() {
    let (app, _) = with_two("sqlite").await.unwrap();
    let operator = Operator::log_in(&app).await;
    for (path, link) in [
        ("/console/updates?state=dead&q=7&before=99", "?state=dead&#38;q=7&#38;before=99&#38;lang=ru"),
        ("/console/dead?reason=a+%26+b", "?reason=a+%26+b&#38;lang=ru"),
        ("/console/updates/2", "?lang=ru"),
    ] {
        let page = operator.get(path).await.body;
        assert!(page.contains(&format!("<a href=\"{link}\" lang=\"ru\"")), "{path}: {page}");
    }
    let russian = operator.get("/console/updates?state=dead&lang=ru").await.body;
    assert!(russian.contains("<a href=\"?state=dead&#38;lang=en\" lang=\"en\""), "{russian}");
    let answer = operator.post("/console/updates/2/content", &[]).await.body;
    assert!(!answer.contains("hreflang"), "the answer to a form has no address: {answer}");
    let login = Request::post("/console/login", &[("token", "wrong"), ("next", "/console/dead?lang=en")]);
    let login = login.send(app.addr).await.0.body;
    assert!(login.contains("<a href=\"?next=%2Fconsole%2Fdead%3Flang%3Den&#38;lang=ru\""), "{login}");
}

#[tokio::test]
async fn the_list_finds_an_update_by_its_number_and_by_the_address_of_its_page() {
    let (app, _) = with_two("sqlite").await.unwrap();
    assert_eq!(app.deliver(&message(7, 9, "fine")).await.status, 200);
    let operator = Operator::log_in(&app).await;
    for search in ["2", "update:2", "https%3A%2F%2Fbot.example%2Fconsole%2Fupdates%2F2%3Flang%3Dru", "2&state=waiting"]
    {
        let answer = operator.get(&format!("/console/updates?q={search}")).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/console/updates/2")), "{search}");
    }
    // 7 is the number of an update and of a chat.
    let both = operator.get("/console/updates?q=7").await;
    assert!(both.body.contains("<a id=\"exact\" href=\"/console/updates/7\">Update 7</a>"), "{}", both.body);
    assert!(both.body.contains("id=\"row-1\"") && both.body.contains("id=\"row-2\""), "{}", both.body);
    let json = operator.json("/console/updates?q=7").await;
    assert_eq!((&json["update"], json["found"]["updates"].as_array().unwrap().len()), (&"7".into(), 2), "{json}");
    let unknown = operator.get("/console/updates?q=/console/updates/99").await.body;
    assert!(unknown.contains("No update matches"), "{unknown}");
}

#[tokio::test]
async fn what_is_not_there_has_a_page_with_a_way_back() {
    let app = with_console().start().await;
    let operator = Operator::log_in(&app).await;
    for (path, back) in [
        ("/console/updates/999", "href=\"/console/updates\">Back"),
        ("/console/updates/%3Cscript%3E", "href=\"/console/updates\">Back"),
        ("/console/updates/99999999999999999999", "href=\"/console/updates\">Back"),
        ("/console/nothing", "href=\"/console\">Back"),
    ] {
        let answer = operator.get(path).await;
        assert!(answer.status == 404 && answer.body.contains(back), "{path}: {answer:?}");
        let json = operator.send(Request::get(path).with("Accept", "application/json")).await;
        assert_eq!((json.status, json.header("content-type")), (404, Some("application/problem+json")), "{path}");
    }
    for path in
        ["/console/updates?state=dead", "/console/updates?kind=poll", "/console/updates?q=-100", "/console/updates?q=a"]
    {
        let page = operator.get(path).await.body;
        assert!(page.contains("No update matches") && page.contains("Clear the filter"), "{path}: {page}");
    }
    assert!(operator.get("/console/dead").await.body.contains("There are no dead letters"));
    assert!(operator.get("/console/held-back").await.body.contains("No chat is held back"));
}

#[tokio::test]
async fn a_long_list_comes_in_pages_and_each_update_once() {
    let mut app = with_console().start().await;
    app.allow_unfinished_work = true;
    let operator = Operator::log_in(&app).await;
    assert_eq!(operator.post("/console/pause", &[]).await.status, 303);
    for id in 1..=120 {
        assert_eq!(app.deliver(&message(id, 7, "/start")).await.status, 200);
    }
    let (mut seen, mut before, mut pages) = (BTreeSet::new(), String::new(), 0);
    loop {
        let page = operator.json(&format!("/console/updates?state=waiting&before={before}")).await;
        for row in page["found"]["updates"].as_array().unwrap() {
            assert!(seen.insert(row["id"].as_str().unwrap().to_owned()), "{row}");
        }
        pages += 1;
        match page["found"]["next"].as_str() {
            Some(next) => before = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (120, 3));
    let html = operator.get("/console/updates").await.body;
    assert!(html.contains("rel=\"next\"") && html.matches("<tr data-item>").count() == 50, "{html}");
    let held_back = operator.json("/console/held-back").await;
    assert_eq!((&held_back["chats"][0]["chat"], &held_back["chats"][0]["waiting"]), (&"chat:7".into(), &120.into()));
    assert_eq!(held_back["chats"][0]["behind"], "1");
    assert!(operator.get("/console/held-back?chat=7").await.body.contains("Handling is paused, so this chat waits"));
}

#[tokio::test]
async fn a_store_that_is_away_is_said_on_each_page_and_the_rest_is_shown() {
    let mut app = TestAppBuilder::default()
        .with("console.token", token())
        .with("inbox.url", "postgres://nobody@127.0.0.1:1/nothing")
        .start()
        .await;
    app.allow_unfinished_work = true;
    let operator = Operator::log_in(&app).await;
    for path in ["/console", "/console/updates", "/console/held-back", "/console/dead"] {
        let page = operator.get(path).await;
        assert!(page.status == 200 && page.body.contains("cannot be read now"), "{path}: {page:?}");
        assert!(page.body.contains("the inbox cannot be used now"), "{path}: {}", page.body);
        operator.json(path).await;
    }
    assert_eq!(operator.get("/console/settings").await.status, 200);
    assert_eq!(operator.post("/console/pause", &[]).await.status, 503);
    assert_eq!(operator.post("/console/dead/retry", &[("all", "1")]).await.status, 503);
}

/// Reads from a stream until it contains these words. `None`: until it ends.
async fn read_until(stream: &mut TcpStream, words: Option<&str>) -> String {
    let mut read = Vec::new();
    let reading = async {
        let mut buffer = [0; 1_024];
        loop {
            let length = stream.read(&mut buffer).await.unwrap_or_default();
            read.extend_from_slice(&buffer[..length]);
            let is_there = words.is_some_and(|words| String::from_utf8_lossy(&read).contains(words));
            if length == 0 || is_there {
                return;
            }
        }
    };
    soon("the stream goes on", reading).await;
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn an_open_page_is_told_of_changes_and_its_stream_ends_with_the_service() {
    let mut app = with_console().start().await;
    app.registered().await;
    let operator = Operator::log_in(&app).await;
    let mut stream = TcpStream::connect(app.addr).await.unwrap();
    let request = format!(
        "GET /console/events HTTP/1.1\r\nHost: a\r\nCookie: doorbell_session={}\r\nAccept: text/event-stream\r\n\r\n",
        operator.session
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let begin = read_until(&mut stream, Some("event: changed")).await;
    assert!(begin.starts_with("HTTP/1.1 200") && begin.contains("x-accel-buffering: no"), "{begin}");
    assert!(begin.contains("content-type: text/event-stream") && !begin.contains("content-encoding"), "{begin}");
    assert_eq!(operator.post("/console/pause", &[]).await.status, 303);
    let next = read_until(&mut stream, Some("event: changed")).await;
    assert!(
        next.contains("event: changed") && !next.contains("paused"),
        "it says that something changed, not what: {next}"
    );
    assert_eq!(operator.post("/console/resume", &[]).await.status, 303);
    app.stop().await.unwrap();
    read_until(&mut stream, None).await;
}
