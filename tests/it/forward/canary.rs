//! One run of the real program with a bot as its child process, at the most detailed log level: no secret and no text of a
//! person is in the log, the bot's marked output, a page, the metrics or the doctor. Every secret and every text contains
//! the mark for which the harness searches all output.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use doorbell::sandbox::TOKEN;
use doorbell::telegram::BotToken;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::bot::{Act, Bot, answer, status};
use crate::harness::{Program, SECRET, assert_no_secret, fetch, free_port, message, post, raw, run, waiting};

const ADMIN: &str = "the-operators-CANARY";
/// What the bot prints: all that it knows.
const SCRIPT: &str = "echo stand-in $BOT_TOKEN; echo url $TELEGRAM_API_URL/bot$TELEGRAM_BOT_TOKEN/getMe; \
                      echo secret $WEBHOOK_SECRET >&2; sleep 1; exit 3";

/// A Bot API whose refusals repeat the token, the text and the parameters of the call.
async fn telegram() -> MockServer {
    let server = MockServer::start().await;
    let answer = |request: &Request| {
        let (path, body) = (request.url.path().to_owned(), String::from_utf8_lossy(&request.body).into_owned());
        if path.ends_with("/sendMessage") || path.ends_with("/setWebhook") {
            let description = format!("Bad Request: can't use {body} of {path}");
            let refusal = json!({ "ok": false, "error_code": 400, "description": description });
            return ResponseTemplate::new(400).set_body_json(refusal);
        }
        if path.ends_with("/sendPhoto") {
            return ResponseTemplate::new(502).set_body_string(format!("<html>{path} {body}</html>"));
        }
        let result =
            json!({ "id": 123_456_789, "is_bot": true, "first_name": "CANARY", "username": "a_bot", "url": "" });
        ResponseTemplate::new(200).set_body_json(json!({ "ok": true, "result": result }))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// What the bot answers to its updates, one after another. After them it takes every update.
fn acts() -> Vec<Act> {
    let json = "Content-Type: application/json\r\n";
    let call = |method: &str| json!({ "method": method, "chat_id": 7, "text": "reply CANARY" }).to_string();
    vec![
        answer(200, json, &call("sendMessage")),
        answer(200, json, &call("sendPhoto")),
        answer(200, json, &call("CANARY")),
        answer(500, "Content-Type: text/html\r\n", "<h1>Traceback CANARY</h1>"),
        answer(404, "Server: CANARY\r\n", "no route for CANARY"),
        answer(302, "Location: https://CANARY.test/CANARY\r\n", "CANARY"),
        answer(401, "", "wrong secret token CANARY"),
        answer(503, "Retry-After: CANARY\r\n", "CANARY"),
        Act::Answer(b"CANARY is no HTTP\r\n\r\n".to_vec()),
        Act::Crash(Vec::new()),
        Act::Crash(b"HTTP/1.1 200 CANARY\r\nContent-Length: 100\r\n\r\nCANARY".to_vec()),
        status(400),
    ]
}

/// Sends bytes as the bot does, and returns the answer, which may repeat what Telegram wrote.
async fn as_the_bot(gateway: SocketAddr, request: String) -> String {
    let mut stream = TcpStream::connect(gateway).await.expect("the gateway listens");
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
}

fn posted(target: &str, content_type: &str, body: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nHost: CANARY\r\nConnection: close\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Requests of the bot, right and wrong, with what each answer begins with.
fn requests(stand_in: &str, port: u16) -> Vec<(String, &'static str)> {
    let json = "application/json";
    let set = json!({
        "url": format!("http://127.0.0.1:{port}/hook/{TOKEN}/CANARY?CANARY"),
        "secret_token": "the-bots-secret-CANARY", "allowed_updates": ["message"],
    });
    let text = json!({ "chat_id": 7, "text": "CANARY" }).to_string();
    let multipart = "--X\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\nCANARY\r\n--X\r\n\
                     Content-Disposition: form-data; name=\"photo\"; filename=\"CANARY\"\r\n\r\nCANARY\r\n--X--";
    vec![
        (posted(&format!("/bot{stand_in}/setWebhook"), json, &set.to_string()), "HTTP/1.1 200"),
        (posted(&format!("/bot{stand_in}/setWebhook"), json, r#"{"url":"CANARY"}"#), "HTTP/1.1 400"),
        (posted(&format!("/bot{stand_in}/sendMessage"), json, &text), "HTTP/1.1 400"),
        (posted(&format!("/bot{TOKEN}/sendMessage"), json, &text), "HTTP/1.1 400"),
        (posted(&format!("/bot{stand_in}/sendPhoto"), "multipart/form-data; boundary=X", multipart), "HTTP/1.1 502"),
        (posted(&format!("/bot{stand_in}"), json, r#"{"method":"CANARY"}"#), "HTTP/1.1 "),
        (get(&format!("/bot{stand_in}/getMe?CANARY=CANARY")), "HTTP/1.1 200"),
        (get(&format!("/bot{stand_in}/getWebhookInfo")), "HTTP/1.1 200"),
        (get(&format!("/bot{stand_in}/CANARY%2FCANARY")), "HTTP/1.1 404"),
        (get(&format!("/bot{stand_in}CANARY/getMe")), "HTTP/1.1 401"),
        (get("/bot1:CANARY/getMe"), "HTTP/1.1 401"),
        (get(&format!("/file/bot{stand_in}/../CANARY")), "HTTP/1.1 400"),
        (get(&format!("/file/bot{stand_in}/CANARY.jpg")), "HTTP/1.1 200"),
        (get(&format!("/bot{stand_in}/getUpdates?offset=CANARY")), "HTTP/1.1 409"),
        (format!("PUT /bot{stand_in}/getMe HTTP/1.1\r\nHost: CANARY\r\nConnection: close\r\n\r\n"), "HTTP/1.1 501"),
        (format!("CANARY {stand_in}\r\n\r\n"), "HTTP/1.1 400"),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_with_a_bot_as_child_shows_no_secret_and_no_text_at_trace_level() {
    let (telegram, folder) = (telegram().await, tempfile::tempdir().expect("a temporary folder"));
    let (acts, seen) = (acts(), Arc::new(AtomicUsize::new(0)));
    let (number, counted) = (acts.len(), Arc::clone(&seen));
    // The updates of the bot's process reach this one, which listens on the port that the settings give to the process.
    let bot =
        Bot::start(move |_| acts.get(counted.fetch_add(1, Ordering::SeqCst)).cloned().unwrap_or(status(200))).await;
    let _crashes = bot.restart_after_crashes();
    let gateway = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let (port, api, bots_port) = (free_port(), telegram.uri(), bot.addr.port().to_string());
    let (public, listen, service_port) = (format!("http://127.0.0.1:{port}"), gateway.to_string(), port.to_string());
    let variables = [
        ("HOST", "127.0.0.1"),
        ("PORT", service_port.as_str()),
        ("PUBLIC_URL", public.as_str()),
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", api.as_str()),
        ("WEBHOOK_SECRET", SECRET),
        ("ADMIN_TOKEN", ADMIN),
        ("DATABASE_URL", "memory:"),
        ("DOORBELL__GATEWAY__LISTEN", listen.as_str()),
        ("DOORBELL__GATEWAY__ALLOW_DROP", "true"),
        ("DOORBELL__PROCESS__PORT", bots_port.as_str()),
        ("DOORBELL__DISPATCH__BACKOFF__FIRST", "1ms"),
        ("DOORBELL__DISPATCH__BACKOFF__LONGEST", "10ms"),
        ("DOORBELL__FORWARD__HEADERS", "x-operator=CANARY"),
        ("RUST_LOG", "trace,hyper_util::client=trace,hyper::proto=trace,reqwest::connect=trace"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ];
    let mut command = Program::command(&["serve", "--", "/bin/sh", "-c", SCRIPT]);
    command.current_dir(folder.path()).envs(variables);
    let log = folder.path().join("log");
    let program = Program::spawn(command, port, &log);
    program.listens();

    let stand_in = BotToken::new(TOKEN.to_owned().into()).stand_in();
    for (request, begins) in requests(stand_in.expose_secret(), bot.addr.port()) {
        let line = request.lines().next().unwrap_or_default().to_owned();
        let answer = as_the_bot(gateway, request).await;
        assert!(answer.starts_with(begins), "{line}: {answer}");
    }
    let update = |id: i64| {
        // Each in a chat of its own: one that waits holds no other back.
        let mut update = message(id, id, "CANARY");
        update["message"]["from"]["first_name"] = Value::from("CANARY");
        update
    };
    for id in 1..=i64::try_from(number).expect("a few") {
        let (addr, body) = (program.addr, update(id).to_string());
        #[expect(clippy::disallowed_methods, reason = "the 200 comes when the update has been handled")]
        drop(tokio::spawn(async move { post(addr, Some(SECRET), body.as_bytes()).await }));
    }
    for (secret, body, expected) in [
        (Some("wrong-CANARY"), update(90).to_string(), 401),
        (None, update(91).to_string(), 401),
        (Some(SECRET), "{\"CANARY\":".to_owned(), 400),
        (Some(SECRET), "{\"update_id\":\"CANARY\"}".to_owned(), 400),
    ] {
        assert_eq!(post(program.addr, secret, body.as_bytes()).await.status, expected, "{body}");
    }
    raw(program.addr, b"CANARY /CANARY HTTP/1.1\r\nCANARY: CANARY\r\nConnection: close\r\n\r\n").await;
    bot.received(number).await;
    let metrics =
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\nConnection: close\r\n\r\n");
    let done = "doorbell_gateway_requests_total{method=\"getMe\",status=\"2xx\"} 1";
    let page = waiting::until("the metrics", async || {
        Some(raw(program.addr, metrics.as_bytes()).await).filter(|page| page.body.contains(done))
    })
    .await;
    assert!(page.body.contains("method=\"other\""), "{}", page.body);
    for path in ["/", "/healthz", "/readyz"] {
        assert_ne!(fetch(program.addr, path).await.status, 404);
    }
    let (doctors, place) = (variables.map(|(name, value)| (name, value.to_owned())), folder.path().to_owned());
    let examined = tokio::task::spawn_blocking(move || {
        let variables = doctors.each_ref().map(|(name, value)| (*name, value.as_str()));
        [&["doctor"][..], &["doctor", "--json"], &["settings"]]
            .map(|arguments| run(arguments, &variables, &place).stdout)
    });
    assert!(examined.await.expect("without a panic").iter().all(|output| !output.is_empty()));
    let text = waiting::until("the bot has ended twice", async || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        (text.matches("url http://127.0.0.1").count() >= 2).then_some(text)
    })
    .await;
    assert!(text.contains("stand-in [secret]") && text.contains("secret [secret]"), "the bot's own output is marked");
    assert_no_secret("the log", &text);
    assert!(!text.contains("the-bots-secret") && !text.contains("Traceback"), "{text}");
    drop(program);
}
