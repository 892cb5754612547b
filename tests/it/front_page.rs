//! The page at `/`, and the routes below the path of the public URL when several bots share a host name.

use axum::body::Body;
use doorbell::app::App;
use doorbell::sandbox::TOKEN;
use doorbell::settings::{Need, Settings, Sources};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::harness::{SECRET, TestApp, TestAppBuilder, fetch, raw};

#[tokio::test]
async fn the_front_page_says_what_this_is_and_what_its_status_is_and_head_gets_no_body() {
    let app = TestApp::spawn().await;
    let page = fetch(app.addr, "/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")), "{page:?}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    for words in
        ["Telegram", "The service is running.", "waiting: 0, being handled: 0", "README.md", "href=\"/healthz\""]
    {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none';")));
    let says = fetch(app.addr, "/healthz").await.json()["webhook"]["says"].as_str().expect("a sentence").to_owned();
    assert!(page.body.contains(&says.replace('\'', "&#39;")), "{says}: {}", page.body);
    assert!(!page.body.contains("/console"), "there is none without a token: {}", page.body);
    let head = raw(app.addr, b"HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert_eq!(
        (head.status, head.header("content-length"), head.body.as_str()),
        (200, page.header("content-length"), "")
    );
}

#[tokio::test]
async fn the_front_page_names_the_console_if_there_is_one_and_speaks_russian() {
    let app = TestAppBuilder::default().with("console.token", "CANARY-CANARY-CANARY").start().await;
    assert!(fetch(app.addr, "/").await.body.contains("href=\"/console\""));
    let request = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: de, ru;q=0.9\r\nConnection: close\r\n\r\n";
    let page = raw(app.addr, request.as_bytes()).await;
    assert!(page.body.contains("<html lang=\"ru\">") && page.body.contains("Сервис работает."), "{}", page.body);
    let english = fetch(app.addr, "/?lang=en").await;
    assert!(english.headers.contains("set-cookie: doorbell_language=en"), "{}", english.headers);
}

#[tokio::test]
async fn the_front_page_answers_while_the_inbox_does_not() {
    let mut app = TestAppBuilder::default().with("inbox.url", "postgres://nobody@127.0.0.1:1/nothing").start().await;
    app.allow_unfinished_work = true;
    let page = fetch(app.addr, "/").await;
    assert!(page.status == 200 && page.body.contains("not known"), "{page:?}");
}

#[tokio::test]
async fn with_a_path_in_the_public_url_every_route_is_served_below_it_too() {
    for path in ["/bots/one", "/:one", "/a%20b/*c", ""] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sources = Sources::default()
            .with("telegram.bot_token", TOKEN)
            .with("server.host", "127.0.0.1")
            .with("server.port", 0)
            .with("webhook.secret_token", SECRET)
            .with("webhook.public_url", "https://bot.example.org")
            .with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
        let mut settings = Settings::load(&sources, Need::Token).expect("settings");
        settings.webhook.public_url = Some(format!("https://bot.example.org{path}"));
        let app = App::build(settings).expect("a service");
        let status = async |method: &str, path: &str| {
            let request = Request::builder().method(method).uri(path).header("x-telegram-bot-api-secret-token", SECRET);
            let body = r#"{"update_id":1}"#;
            let request = request.header("content-length", body.len()).body(Body::from(body)).expect("a request");
            app.router().oneshot(request).await.expect("an answer").status()
        };
        for below in [path, ""] {
            let webhook = format!("{below}/telegram/webhook");
            assert_eq!(status("POST", &webhook).await, StatusCode::OK, "{webhook}");
            assert_eq!(status("GET", &webhook).await, StatusCode::METHOD_NOT_ALLOWED, "{webhook}");
            assert_eq!(status("GET", &format!("{below}/healthz")).await, StatusCode::OK, "{below}");
            assert_eq!(status("POST", &format!("{below}/healthz")).await, StatusCode::METHOD_NOT_ALLOWED, "{below}");
        }
        assert_eq!(status("GET", if path.is_empty() { "/" } else { path }).await, StatusCode::OK, "{path}");
        let page = Request::builder().uri("/").body(Body::empty()).expect("a request");
        let page = app.router().oneshot(page).await.expect("an answer").into_body().collect().await.expect("a body");
        let page = String::from_utf8_lossy(&page.to_bytes()).into_owned();
        let style = page.split_once("rel=\"stylesheet\" href=\"").and_then(|(_, rest)| rest.split_once('"'));
        let style = style.expect("a style sheet").0;
        assert!(style.starts_with(&format!("{path}/assets/")), "{style}");
        assert_eq!(status("GET", style).await, StatusCode::OK, "{style}");
        assert_eq!(status("POST", "/two/telegram/webhook").await, StatusCode::NOT_FOUND);
    }
}
