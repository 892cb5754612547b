//! Fail closed: everything goes wrong that can, while the program is at its most talkative. That it
//! tells no secret is looked after by the harness, here as in every other test (`harness/canary.rs`).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::SystemClock;
use doorbell::handler::HandlerError;
use doorbell::lifecycle::Shutdown;
use doorbell::sandbox::{Answer as Gone, Fault, Sandbox, TOKEN};

use crate::harness::postgres::Database;
use crate::harness::{
    MARK, Playground, Program, SECRET, Wanted, does, get, message, post, raw, run, run_openly, until,
};

/// A token of the right form that no Bot API knows. Every secret holds the mark that the harness
/// looks for in each log, answer, file and command line.
const TOKEN_OF_NO_BOT: &str = "123456789:AAtest-CANARY-0123456789-CANARY";
const ADMIN: &str = "operator-CANARY";
/// In all that a person wrote, and in what is sent to annoy: the log has it nowhere.
const WORDS: &str = "MARKED";

/// A Bot API that answers each call with the next of these, and repeats the last.
fn bot_api(answers: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port is free");
    let addr = listener.local_addr().expect("it has an address");
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let answer = answers.next_if(|_| true);
            let Some(answer) = answer else { continue };
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    addr
}

fn http(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn variables<'a>(api_url: &'a str, inbox: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("TELEGRAM_BOT_TOKEN", TOKEN_OF_NO_BOT),
        ("WEBHOOK_SECRET", SECRET),
        ("ADMIN_TOKEN", ADMIN),
        ("TELEGRAM_API_URL", api_url),
        ("DATABASE_URL", inbox),
        ("RUST_LOG", "trace,hyper_util::client=trace,reqwest::connect=trace,hyper::proto=trace"),
        ("LOG_FORMAT", "json"),
    ]
}

/// Waits until the log holds these words.
fn logged(log: &Path, words: &str) -> String {
    until(words, Duration::from_secs(20), || fs::read_to_string(log).ok().filter(|said| said.contains(words)))
}

#[test]
fn no_trouble_with_telegram_brings_a_secret_into_log_health_or_command_line() {
    let echo = format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: bot{TOKEN_OF_NO_BOT}/getMe"}}"#);
    let troubles = [
        http("500 Internal Server Error", &format!("<html>bot{TOKEN_OF_NO_BOT}</html>")),
        http("302 Found\r\nlocation: /elsewhere", ""),
        http("200 OK", "{\"ok\":tru"),
        http("400 Bad Request", &echo),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
    ];
    let refused = format!("http://127.0.0.1:{}", crate::harness::free_port());
    let mut places = vec![(refused, "connection refused")];
    for (trouble, words) in
        troubles.into_iter().zip(["500", "302", "no answer of Telegram's", "Bad Request", "no answer of Telegram's"])
    {
        places.push((format!("http://{}", bot_api(vec![trouble; 50])), words));
    }
    for (api_url, words) in places {
        let folder = tempfile::tempdir().unwrap();
        let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
        let mut program = Program::serve(&variables(&api_url, &inbox), &log);
        logged(&log, words);
        assert_eq!(get(program.addr, "/healthz").status, 200);
        assert_eq!(get(program.addr, "/readyz").status, 503);
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0), "{words}");
        let said = fs::read_to_string(&log).unwrap();
        let held_back = |line: &&str| line.contains("\"target\":\"hyper") || line.contains("\"target\":\"reqwest");
        assert_eq!(said.lines().find(held_back), None, "libraries are held at warn, whatever the filter says");
    }
}

#[test]
fn a_refused_token_and_a_taken_port_end_it_without_a_word_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let unauthorized = http("401 Unauthorized", r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#);
    let api_url = format!("http://{}", bot_api(vec![unauthorized; 10]));
    let mut settings = variables(&api_url, "memory:");
    settings.extend([("HOST", "127.0.0.1"), ("PORT", "0"), ("PUBLIC_URL", "http://127.0.0.1:1")]);
    let ended = run(&["serve"], &settings, folder.path());
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("@BotFather"), "{}", ended.stderr);
    for arguments in [
        &["settings"][..],
        &["settings", "--json"],
        &["webhook", "info"],
        &["webhook", "set"],
        &["webhook", "delete", "--json"],
        &["ring"],
    ] {
        let ended = run(arguments, &settings, folder.path());
        assert!(!ended.stdout.is_empty() || !ended.stderr.is_empty(), "{arguments:?} says something");
    }
    // The two commands that are there to show it.
    assert_eq!(run_openly(&["webhook", "secret"], &settings, folder.path()).stdout.trim(), SECRET);
    assert!(run_openly(&["ring", "--curl"], &settings, folder.path()).stdout.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_wrong_rings_and_faults_leave_no_secret_and_no_words_of_a_person_in_the_log() {
    let telegram = Shutdown::new();
    let sandbox = Sandbox::start(SocketAddr::from(([127, 0, 0, 1], 0)), Arc::new(SystemClock), &telegram)
        .await
        .expect("a free port is free");
    let folder = tempfile::tempdir().unwrap();
    let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let api_url = sandbox.api_url();
    let mut settings = variables(&api_url, &inbox);
    settings.retain(|(name, _)| *name != "TELEGRAM_BOT_TOKEN");
    settings.push(("TELEGRAM_BOT_TOKEN", TOKEN));
    for what in [Gone::Html(502), Gone::Close, Gone::Garbage, Gone::Lost, Gone::Hang] {
        sandbox.fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what });
    }
    let mut program = Program::serve(&settings, &log);
    logged(&log, "as wanted");
    let mut answers = Vec::new();
    for (secret, body) in [
        (Some("wrong-MARKED"), "{\"update_id\": 1}"),
        (None, "{\"update_id\": 1}"),
        (Some(SECRET), "MARKED, and no update"),
        (Some(SECRET), "{\"update_id\": \"MARKED\"}"),
    ] {
        answers.push(post(program.addr, secret, body.as_bytes()).await.body);
    }
    for id in 1..=5 {
        let mut update = message(id, id, "/start MARKED words of a person");
        update["message"]["from"]["first_name"] = "MARKED name".into();
        assert_eq!(post(program.addr, Some(SECRET), update.to_string().as_bytes()).await.status, 200);
    }
    let replied = sandbox.until(|sandbox| sandbox.messages(None).iter().filter(|message| message.bot).count() >= 3);
    tokio::time::timeout(Duration::from_secs(20), replied).await.expect("replies in time");
    answers.push(get(program.addr, "/healthz").body);
    let metrics =
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {ADMIN}\r\nConnection: close\r\n\r\n");
    answers.push(raw(program.addr, metrics.as_bytes()).await.body);
    TcpStream::connect(program.addr).unwrap().write_all(b"MARKED, and no HTTP\r\n\r\n").unwrap();
    assert!(answers.iter().all(|said| !said.contains(WORDS)), "{answers:#?}");
    // A call hangs: the second signal is the hard stop.
    program.signal("TERM");
    logged(&log, "stopping");
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("update acknowledged"), "each update is in it");
    let leaks: Vec<_> = said.lines().filter(|line| line.contains(WORDS)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

#[test]
fn a_crash_leaves_no_memory_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::serve(&variables("http://127.0.0.1:1", "memory:"), &folder.path().join("log"));
    let playground = Playground::open();
    for pid in [program.child.id(), playground.program.child.id()] {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let (soft, hard) = (limit.split_whitespace().nth(4).unwrap(), limit.split_whitespace().nth(5).unwrap());
        // 1 where it could be set, 0 where the limit was that already.
        assert!(matches!((soft, hard), ("1", "1") | ("0", "0")), "{limit}");
    }
    program.signal("ABRT");
    let ended = program.ended(Duration::from_secs(10));
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_postgresql_hold_updates_and_no_secret() {
    let Some(database) = Database::fresh().await else { return };
    let handler = does(|_| async { Err(HandlerError::Reject("it is not wanted".to_owned())) });
    let mut app = Wanted::default().with("inbox.url", &database.url).handled_by(handler).start().await;
    app.work_may_be_left = true;
    app.registered().await;
    assert_eq!(app.ring(&message(1, 1, "words that lie in a row")).await.status, 200);
    app.drain().await;
    let mut connection = database.connect().await;
    sqlx::query("SET xmlbinary = hex").execute(&mut connection).await.unwrap();
    let rows = sqlx::query_scalar("SELECT lower(database_to_xml(true, false, '')::text)");
    let rows: String = rows.fetch_one(&mut connection).await.unwrap();
    assert!(rows.contains("it is not wanted") && rows.contains(&hex("words that lie in a row")), "{rows}");
    for secret in [TOKEN.rsplit(':').next().unwrap(), MARK] {
        assert!(!rows.contains(&secret.to_lowercase()) && !rows.contains(&hex(secret)), "{rows}");
    }
}

/// Bytes as PostgreSQL writes those of a `bytea`.
fn hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
