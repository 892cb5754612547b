//! Makes calls with a marked token fail in every way, and searches for the mark in all forms of the errors and in the
//! trace logs of all libraries.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracing_subscriber::fmt::MakeWriter;

use super::client::Deadlines;
use super::{ApiError, BotApi, BotToken, Call};
use crate::clock::SystemClock;
use crate::settings::{Need, Settings, Sources, TelegramSettings};

const TOKEN: &str = "123456:CANARY-CANARY-CANARY-CANARY-CANARY1";

/// What the server does with a connection after it has read a request.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Answers(&'static str),
    Closes,
    Resets,
    NeverAnswers,
    StopsInTheBody,
}

fn answer(status: &str, headers: &str, body: &str) -> &'static str {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n{body}").leak()
}

async fn serve(listener: &TcpListener, peer: Peer) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap();
        assert!(String::from_utf8_lossy(&request[..read]).starts_with(&format!("POST /bot{TOKEN}/")));
        respond(stream, peer).await;
    }
}

async fn respond(mut stream: TcpStream, peer: Peer) {
    match peer {
        Peer::Answers(text) => stream.write_all(text.as_bytes()).await.unwrap(),
        Peer::Closes => {}
        Peer::Resets => stream.set_zero_linger().unwrap(),
        Peer::NeverAnswers => std::future::pending().await,
        Peer::StopsInTheBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":").await.unwrap();
            std::future::pending::<()>().await;
        }
    }
}

fn api(url: &str) -> BotApi {
    let settings = TelegramSettings::at(url);
    let deadlines = Deadlines { connect: Duration::from_millis(300), call: Duration::from_millis(300) };
    BotApi::with_deadlines(&settings, BotToken::new(TOKEN.to_owned().into()), Arc::new(SystemClock), deadlines)
}

/// The base64 form of `operator:CANARY`, which a proxy receives.
const PROXY_PASSWORD_SENT: &str = "b3BlcmF0b3I6Q0FOQVJZ";

fn through_proxy(scheme: &str, proxy: SocketAddr, url: &str) -> BotApi {
    let sources = Sources::default()
        .with("telegram.api_url", url)
        .with("telegram.proxy", format!("{scheme}://operator:CANARY@{proxy}"));
    let settings = Settings::load(&sources, Need::Nothing).unwrap().telegram;
    let deadlines = Deadlines { connect: Duration::from_millis(300), call: Duration::from_millis(300) };
    BotApi::with_deadlines(&settings, BotToken::new(TOKEN.to_owned().into()), Arc::new(SystemClock), deadlines)
}

async fn failure(peer: Peer) -> ApiError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(&format!("http://{}", listener.local_addr().unwrap()));
    let call = Call::send_message(1, "a");
    tokio::select! {
        outcome = api.call(&call) => outcome.unwrap_err(),
        () = serve(&listener, peer) => unreachable!("the server never ends"),
    }
}

async fn failures() -> Vec<(&'static str, ApiError)> {
    let echo = format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: /bot{TOKEN}/x"}}"#);
    let moved = format!("location: /bot{TOKEN}/getMe\r\n");
    let peers = [
        ("Refused", Peer::Answers(answer("401 Unauthorized", "", r#"{"ok":false,"description":"Unauthorized"}"#))),
        ("Refused", Peer::Answers(answer("400 Bad Request", "", &echo))),
        ("Throttled", Peer::Answers(answer("429 Too Many Requests", "retry-after: 3\r\n", "<html>"))),
        ("Unreachable", Peer::Answers(answer("500 Internal Server Error", "", &format!("<html>{TOKEN}</html>")))),
        ("Unreadable", Peer::Answers(answer("302 Found", &moved, ""))),
        ("Unknown", Peer::Answers(answer("200 OK", "", "{\"ok\":tru"))),
        ("Unknown", Peer::Answers("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"ok\":")),
        ("Unreachable", Peer::Answers("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 100\r\n\r\n<html>")),
        ("Throttled", Peer::Answers("HTTP/1.1 429 Too Many Requests\r\ncontent-length: 100\r\n\r\n<html>")),
        ("Unreadable", Peer::Answers("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\n<html>")),
        ("Unknown", Peer::Answers("SSH-2.0-OpenSSH\r\n")),
        ("Unknown", Peer::Closes),
        ("Unknown", Peer::Resets),
        ("Unknown", Peer::NeverAnswers),
        ("Unknown", Peer::StopsInTheBody),
    ];
    let mut failures = Vec::new();
    for (kind, peer) in peers {
        failures.push((kind, failure(peer).await));
    }
    // A closed port, an invalid URL, an unknown host, and a server without TLS.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for url in [format!("http://{free}"), "not a url".to_owned(), "http://doorbell.invalid".to_owned()] {
        failures.push(("Unreachable", api(&url).get_me().await.unwrap_err()));
    }
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let api = api(&format!("https://{}", plain.local_addr().unwrap()));
    let no_tls = async {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        outcome = api.get_me() => failures.push(("Unreachable", outcome.unwrap_err())),
        () = no_tls => {}
    }
    // A proxy that is away, that closes the connection, that refuses, and that wants another password; with http and TLS.
    for scheme in ["http", "socks5"] {
        failures.push(("Unreachable", through_proxy(scheme, free, "http://bot-api.test").get_me().await.unwrap_err()));
        failures.push(("Unreachable", through_proxy(scheme, free, "https://bot-api.test").get_me().await.unwrap_err()));
    }
    for (kind, url, answer) in [
        (
            "Unreadable",
            "http://bot-api.test",
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        ),
        (
            "Unreachable",
            "https://bot-api.test",
            "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
        ),
        ("Unreachable", "https://bot-api.test", "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"),
        ("Unknown", "http://bot-api.test", ""),
    ] {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = through_proxy("http", proxy.local_addr().unwrap(), url);
        let refuse = async {
            loop {
                let (mut stream, _) = proxy.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = stream.read(&mut request).await.unwrap();
                assert!(String::from_utf8_lossy(&request[..read]).contains(PROXY_PASSWORD_SENT));
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        tokio::select! {
            outcome = api.get_me() => failures.push((kind, outcome.unwrap_err())),
            () = refuse => {}
        }
    }
    failures.push(("Refused", api.perform(&Call::new("../getMe")).await.unwrap_err()));
    failures
}

/// The whole log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_failure_shows_the_token_in_any_form_or_log() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).finish();
    drop(tracing_log::LogTracer::init());
    // With a single subscriber, tracing lets the first thread decide for all threads whether an event is enabled, and the
    // threads of other tests have no subscriber.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let failures = failures().await;
    drop(guard);

    let mut shown = format!("{:?} {:#?}\n", api("http://127.0.0.1:1"), api("http://127.0.0.1:1"));
    for (kind, error) in &failures {
        let debug = format!("{error:?}");
        assert!(debug.starts_with(kind), "{kind} expected: {debug}");
        writeln!(shown, "{error}\n{debug}\n{error:#?}").unwrap();
        let mut source = error.source();
        while let Some(error) = source {
            writeln!(shown, "{error} {error:?}").unwrap();
            source = error.source();
        }
    }
    assert!(!shown.contains("CANARY"), "{shown}");
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for library in ["reqwest::connect", "hyper_util::client"] {
        assert!(logged.contains(library), "the log of {library} was not captured");
    }
    let leaks = |line: &&str| line.contains("CANARY") || line.contains(PROXY_PASSWORD_SENT);
    let leaks: Vec<&str> = logged.lines().filter(leaks).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[tokio::test]
async fn the_error_says_what_went_wrong() {
    for (peer, words) in [
        (Peer::NeverAnswers, "no answer within 0.3 s"),
        (Peer::StopsInTheBody, "HTTP 200 OK whose body did not end within 0.3 s"),
        (Peer::Resets, "the connection was closed"),
        (Peer::Closes, "connection closed before message completed"),
    ] {
        let ApiError::Unknown { reason } = failure(peer).await else { panic!("{peer:?}") };
        assert_eq!(reason, words, "{peer:?}");
    }
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = api(&format!("http://{free}")).get_me().await.unwrap_err();
    assert_eq!(refused.to_string(), "Telegram is not available: connection refused");
}
