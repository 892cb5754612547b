//! Problems with the settings are reported before anything starts: all at once, with what to do, and
//! without a secret.

use std::net::TcpListener;

use doorbell::sandbox::TOKEN;

use crate::harness::{CommandOutput, run};

/// Tries to start the service in an empty folder. Returns its exit and the names of the files that it left.
fn serve(variables: &[(&str, &str)]) -> (CommandOutput, Vec<String>) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = run(&["serve"], variables, folder.path());
    let left = std::fs::read_dir(folder.path()).expect("it is there");
    (ended, left.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect())
}

#[test]
fn every_problem_is_listed_at_once_before_anything_starts() {
    let (ended, left) = serve(&[
        ("DOORBELL__WEBHOOK__MAX_CONECTIONS", "5"),
        ("PORT", "http"),
        ("PUBLIC_URL", "bot.example.org"),
        ("LOG_FORMAT", "xml"),
    ]);
    assert_eq!(ended.code, 2);
    for words in [
        "the settings have 5 problems",
        "the nearest is DOORBELL__WEBHOOK__MAX_CONNECTIONS",
        "server.port (environment variable PORT)",
        "write https:// before it",
        "log.format",
        "@BotFather",
    ] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    assert!(ended.stdout.is_empty() && left.is_empty(), "{left:?}");
}

#[test]
fn an_unknown_key_of_a_file_is_named_with_its_line_and_the_nearest_known_key() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("my.toml"), "[webhook]\nallowed_update = ['message']\n").unwrap();
    let ended = run(&["settings", "--config", "my.toml"], &[], folder.path());
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("webhook.allowed_update (file my.toml, line 2)")
            && ended.stderr.contains("the nearest is webhook.allowed_updates"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_template_that_cannot_be_used_is_named_with_its_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let start = "[[command]]\nname = \"start\"\nreply = \"Hello\"\n\n";
    for (settings, place) in [
        ("[[command]]\nname = \"help\"\nreply = \"{{ user.first_nam }\"\n", "command[1].reply (file my.toml, line 7)"),
        ("[fallback]\nreply = '''\n{{ usr.id }}'''\n", "fallback.reply (file my.toml, line 6)"),
    ] {
        std::fs::write(folder.path().join("my.toml"), format!("{start}{settings}")).unwrap();
        let variables = [("TELEGRAM_BOT_TOKEN", TOKEN), ("PORT", "0")];
        let ended = run(&["serve", "--config", "my.toml"], &variables, folder.path());
        assert_eq!(ended.code, 2, "{}", ended.stderr);
        assert!(ended.stderr.contains(place), "{place}: {}", ended.stderr);
    }
}

#[test]
fn a_mistyped_variable_is_reported() {
    let (ended, left) = serve(&[("TELEGRAM_BOT_TOKEN", TOKEN), ("DOORBELL_WEBHOOK_TAKEOVER", "always")]);
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("the nearest is DOORBELL__WEBHOOK__TAKEOVER") && left.is_empty(), "{}", ended.stderr);
    let variables =
        [("TELEGRAM_BOT_TOKEN", TOKEN), ("DOORBELL_OF_SOMEBODY", "1"), ("DATABASE_URL", "sqlite:/dev/null/a")];
    let (ended, _) = serve(&[&variables[..], &[("HOST", "127.0.0.1"), ("PORT", "0")]].concat());
    assert!(ended.stderr.contains("nothing reads these variables of the environment: DOORBELL_OF_SOMEBODY."));
    let quoted = format!("\"{TOKEN}\"");
    let (ended, _) = serve(&[("TELEGRAM_BOT_TOKEN", &quoted), ("RUST_LOG", "verbose"), ("ADMIN_TOKEN", "short")]);
    for words in ["3 problems", "remove the quotation marks around the value", "which is no level", "5 characters"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
}

#[test]
fn a_malformed_secret_is_described_and_never_shown() {
    let token = format!("{TOKEN}\n");
    for (variable, value, words) in [
        ("TELEGRAM_BOT_TOKEN", token.as_str(), "remove the white space or line break"),
        ("TELEGRAM_BOT_TOKEN", "AAmarked-and-without-a-number", "no colon"),
        ("WEBHOOK_SECRET", "marked=secret", "1 to 256 of A-Z a-z 0-9 _ -"),
        ("DATABASE_URL", "postgre://me:marked@db/bot", "postgres://"),
        ("ADMIN_TOKEN", "marked\nsecret", "line break"),
    ] {
        let (ended, left) = serve(&[(variable, value)]);
        assert_eq!(ended.code, 2, "{variable}");
        assert!(ended.stderr.contains(words), "{variable}: {}", ended.stderr);
        let shown = format!("{}{}", ended.stdout, ended.stderr);
        assert!(!shown.contains("marked") && !shown.contains(TOKEN) && left.is_empty(), "{variable}: {shown}");
    }
}

#[test]
fn a_port_in_use_ends_with_status_1_and_names_the_port() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (ended, _) = serve(&[("TELEGRAM_BOT_TOKEN", TOKEN), ("HOST", "127.0.0.1"), ("PORT", &port)]);
    assert_eq!(ended.code, 1);
    let (error, hint) = ended.stderr.split_once("\nhint:  ").expect("an error and a hint");
    assert!(error.contains(&format!("error: 127.0.0.1:{port} cannot be listened on")), "{error}");
    assert!(hint.contains("PORT"), "{hint}");
}

#[test]
fn an_inbox_that_cannot_be_used_ends_with_status_1_and_a_hint() {
    let folder = tempfile::tempdir().unwrap();
    let [damaged, foreign] = ["damaged.db", "foreign.db"].map(|name| folder.path().join(name));
    std::fs::write(&damaged, b"this was a database once, and now it is prose").unwrap();
    let other = rusqlite::Connection::open(&foreign).unwrap();
    other.execute_batch("CREATE TABLE somebody_elses (id INTEGER)").unwrap();
    drop(other);
    for (path, words) in [
        (damaged.to_str().unwrap(), "is damaged or is not a SQLite database"),
        (foreign.to_str().unwrap(), "is a database of some other program"),
        ("/dev/null/inbox.db", "the folder /dev/null cannot be written"),
    ] {
        let inbox = format!("sqlite:{path}");
        let (ended, _) = serve(&[("TELEGRAM_BOT_TOKEN", TOKEN), ("PORT", "0"), ("DATABASE_URL", &inbox)]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("\nhint:  "), "{}", ended.stderr);
    }
}
