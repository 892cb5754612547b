//! Fail closed: no failure puts a secret or a text of a person into the log, a page or an error, even with the log at its
//! most detailed level. As in every other test, the harness searches all output for secrets (`harness/canary.rs`).

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use doorbell::clock::SystemClock;
use doorbell::handler::HandlerError;
use doorbell::lifecycle::Shutdown;
use doorbell::sandbox::{Fault, FaultKind, Sandbox, TOKEN};

use crate::harness::postgres::Database;
use crate::harness::{
    MARK, Program, SECRET, SandboxProcess, TestAppBuilder, get, handler_fn, message, post, raw, run, run_openly, until,
};

/// A well-formed token that no Bot API knows. Every secret contains the mark for which the harness searches each log,
/// answer, file and command line.
const UNKNOWN_TOKEN: &str = "123456789:AAtest-CANARY-0123456789-CANARY";
const ADMIN: &str = "the-operators-CANARY";
/// A text that every message of a person and every malformed request contains. It must not appear in the log.
const PERSONAL: &str = "MARKED";

/// A Bot API that answers each call with the next of these answers.
fn bot_api(answers: Vec<String>) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port is free");
    let addr = listener.local_addr().expect("the listener has an address");
    std::thread::spawn(move || {
        let mut answers = answers.into_iter();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let Some(answer) = answers.next() else { continue };
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
        ("TELEGRAM_BOT_TOKEN", UNKNOWN_TOKEN),
        ("WEBHOOK_SECRET", SECRET),
        ("ADMIN_TOKEN", ADMIN),
        ("TELEGRAM_API_URL", api_url),
        ("DATABASE_URL", inbox),
        ("RUST_LOG", "trace,hyper_util::client=trace,reqwest::connect=trace,hyper::proto=trace"),
        ("LOG_FORMAT", "json"),
    ]
}

/// Waits until the log contains `words`, and returns the log.
fn logged(log: &Path, words: &str) -> String {
    until(words, Duration::from_secs(20), || fs::read_to_string(log).ok().filter(|log_text| log_text.contains(words)))
}

#[test]
fn no_failure_of_telegram_puts_a_secret_into_the_log_the_health_or_a_command_line() {
    let echo = format!(r#"{{"ok":false,"error_code":400,"description":"Bad Request: bot{UNKNOWN_TOKEN}/getMe"}}"#);
    let failures = [
        http("500 Internal Server Error", &format!("<html>bot{UNKNOWN_TOKEN}</html>")),
        http("302 Found\r\nlocation: /elsewhere", ""),
        http("200 OK", "{\"ok\":tru"),
        http("400 Bad Request", &echo),
        "SSH-2.0-OpenSSH\r\n".to_owned(),
    ];
    let refused = format!("http://127.0.0.1:{}", crate::harness::free_port());
    let mut failing_apis = vec![(refused, "connection refused")];
    for (failure, words) in
        failures.into_iter().zip(["500", "302", "no answer of Telegram's", "Bad Request", "no answer of Telegram's"])
    {
        failing_apis.push((format!("http://{}", bot_api(vec![failure; 50])), words));
    }
    for (api_url, words) in failing_apis {
        let folder = tempfile::tempdir().unwrap();
        let (log, inbox) = (folder.path().join("log"), format!("sqlite:{}", folder.path().join("inbox.db").display()));
        let mut program = Program::serve(&variables(&api_url, &inbox), &log);
        logged(&log, words);
        assert_eq!(get(program.addr, "/healthz").status, 200);
        assert_eq!(get(program.addr, "/readyz").status, 503);
        program.signal("TERM");
        assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0), "{words}");
        let log_text = fs::read_to_string(&log).unwrap();
        let ours = |line: &&str| line.contains("\"target\":\"doorbell");
        assert_eq!(log_text.lines().find(|line| !ours(line)), None, "no library writes to the log, with any filter");
    }
}

#[test]
fn a_refused_token_and_failed_commands_show_no_secret() {
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
        assert!(!ended.stdout.is_empty() || !ended.stderr.is_empty(), "{arguments:?} prints something");
    }
    // The purpose of these two commands is to print the secret.
    assert_eq!(run_openly(&["webhook", "secret"], &settings, folder.path()).stdout.trim(), SECRET);
    assert!(run_openly(&["ring", "--curl"], &settings, folder.path()).stdout.contains(SECRET));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_refused_requests_and_faults_put_no_secret_and_no_text_of_a_person_into_the_log() {
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
    // A known error text of Telegram, and an unknown one.
    let quoting = "Bad Request: can't parse entities: Unsupported start tag \"MARKED\" at byte offset 5";
    let refused =
        |description: &str| FaultKind::Status { code: 400, description: description.to_owned(), retry_after: None };
    let troubled = FaultKind::Status { code: 500, description: "it MARKED".to_owned(), retry_after: None };
    let gone =
        [refused(quoting), refused("Bad Request: MARKED words"), troubled, FaultKind::Html(502), FaultKind::Close];
    for what in gone.into_iter().chain([FaultKind::Garbage, FaultKind::Lost, FaultKind::Hang]) {
        sandbox.add_fault(Fault { method: Some("sendMessage".to_owned()), times: Some(1), what });
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
    for id in 1..=7 {
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
    assert!(answers.iter().all(|body| !body.contains(PERSONAL)), "{answers:#?}");
    // A call hangs, so the second signal makes the stop a hard one.
    program.signal("TERM");
    logged(&log, "stopping");
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
    let log_text = fs::read_to_string(&log).unwrap();
    assert!(log_text.contains("update acknowledged"), "each update is in the log");
    assert!(
        log_text.contains("Unsupported start tag \\\"…\\\" at byte offset 5"),
        "the structure of a refusal stays readable"
    );
    let leaks: Vec<_> = log_text.lines().filter(|line| line.contains(PERSONAL)).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// URLs that parse to the wrong host, because a character of the password ends the user information.
fn misleading(scheme: &str, host: &str) -> Vec<String> {
    let user_infos = ["u:2024/CANARY", "u:p@ss/CANARY", "u:20?CANARY", "u:20#CANARY", "u@CANARY:wxyz", "u:CA\tNARY"];
    user_infos.iter().map(|user_info| format!("{scheme}://{user_info}@{host}")).collect()
}

#[test]
fn a_url_that_parses_to_the_wrong_host_is_refused_and_no_part_of_it_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let keys = [
        ("DATABASE_URL", "inbox.url", "postgres", "db.invalid/bot"),
        ("PUBLIC_URL", "webhook.public_url", "https", "bot.invalid"),
        ("RENDER_EXTERNAL_URL", "webhook.public_url", "https", "bot.invalid"),
        ("TELEGRAM_API_URL", "telegram.api_url", "https", "telegram.invalid"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "traces.endpoint", "https", "collector.invalid"),
    ];
    for (variable, key, scheme, host) in keys {
        for url in misleading(scheme, host) {
            for command in [&["serve"][..], &["settings"], &["doctor"], &["dead", "list"], &["webhook", "info"]] {
                let mut settings = variables("http://127.0.0.1:1", "memory:");
                settings.retain(|(name, _)| *name != variable);
                settings.extend([("RENDER", "true"), ("RENDER_SERVICE_TYPE", "web"), (variable, &url)]);
                let ended = run(command, &settings, folder.path());
                let output = format!("{}{}", ended.stdout, ended.stderr);
                assert_eq!(ended.code, 2, "{variable} {command:?}: {output}");
                assert!(output.contains(key) && output.contains("/ as %2F"), "{variable} {command:?}: {output}");
                let parts = ["ARY", "ss/", "2024", "wxyz", host.split('/').next().unwrap()];
                assert!(parts.iter().all(|part| !output.contains(part)), "{variable} {command:?}: {output}");
            }
        }
    }
    let ended = run(
        &["ring", "--url", "http://u:20/CANARY@127.0.0.1"],
        &variables("http://127.0.0.1:1", "memory:"),
        folder.path(),
    );
    assert_eq!(ended.code, 2, "{}", ended.stderr);
}

#[test]
fn the_database_password_and_unknown_parameters_appear_in_no_log_page_or_command_output() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let port = crate::harness::free_port();
    let url = format!("postgres://me:CA%4eARY%2FCANARY@127.0.0.1:{port}/bot?CANARY=1&target_session_attrs=CANARY");
    let settings = variables("http://127.0.0.1:1", &url);
    let mut program = Program::serve(&settings, &log);
    let log_text = logged(&log, "the database of the inbox cannot be used");
    assert!(log_text.contains("parameters that Doorbell does not use"), "{log_text}");
    for path in ["/healthz", "/readyz"] {
        let answer = get(program.addr, path).body;
        crate::harness::assert_no_secret(path, &answer);
        assert!(!answer.contains("127.0.0.1:") && answer.contains("Check the host and the port"), "{answer}");
    }
    for command in [&["settings"][..], &["settings", "--json"], &["doctor"], &["dead", "list"]] {
        run(command, &settings, folder.path());
    }
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn a_warning_of_a_library_is_logged_without_its_text() {
    let folder = tempfile::tempdir().unwrap();
    // A password file that other users may read: the library warns about it, with its path.
    let (log, passwords) = (folder.path().join("log"), folder.path().join("CANARY.pgpass"));
    fs::write(&passwords, "127.0.0.1:*:*:*:CANARY\n").unwrap();
    fs::set_permissions(&passwords, fs::Permissions::from_mode(0o644)).unwrap();
    let url = format!("postgres://me@127.0.0.1:{}/bot", crate::harness::free_port());
    let mut settings = variables("http://127.0.0.1:1", &url);
    settings.push(("PGPASSFILE", passwords.to_str().unwrap()));
    let mut program = Program::serve(&settings, &log);
    let log_text = logged(&log, "a library reported a problem");
    assert!(log_text.contains("\"library\":\"sqlx_postgres\""), "{log_text}");
    program.signal("TERM");
    assert_eq!(program.ended(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn a_crash_leaves_no_core_dump() {
    let folder = tempfile::tempdir().unwrap();
    let mut program = Program::serve(&variables("http://127.0.0.1:1", "memory:"), &folder.path().join("log"));
    let playground = SandboxProcess::start();
    for pid in [program.child.id(), playground.program.child.id()] {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        let (soft, hard) = (limit.split_whitespace().nth(4).unwrap(), limit.split_whitespace().nth(5).unwrap());
        // The limit is 1 if the program could set it, and 0 if it was 0 before.
        assert!(matches!((soft, hard), ("1", "1") | ("0", "0")), "{limit}");
    }
    program.signal("ABRT");
    let ended = program.ended(Duration::from_secs(10));
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rows_in_postgresql_contain_updates_and_no_secret() {
    let Some(database) = Database::fresh().await else { return };
    let handler = handler_fn(|_| async { Err(HandlerError::Reject("the handler rejects it".to_owned())) });
    let mut app = TestAppBuilder::default().with("inbox.url", &database.url).with_handler(handler).start().await;
    app.allow_unfinished_work = true;
    app.registered().await;
    assert_eq!(app.deliver(&message(1, 1, "text of a person")).await.status, 200);
    app.drain().await;
    let mut connection = database.connect().await;
    sqlx::query("SET xmlbinary = hex").execute(&mut connection).await.unwrap();
    let rows = sqlx::query_scalar("SELECT lower(database_to_xml(true, false, '')::text)");
    let rows: String = rows.fetch_one(&mut connection).await.unwrap();
    assert!(rows.contains("the handler rejects it") && rows.contains(&hex("text of a person")), "{rows}");
    for secret in [TOKEN.rsplit(':').next().unwrap(), MARK] {
        assert!(!rows.contains(&secret.to_lowercase()) && !rows.contains(&hex(secret)), "{rows}");
    }
}

/// The hexadecimal form in which PostgreSQL writes a `bytea`.
fn hex(text: &str) -> String {
    text.bytes()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
