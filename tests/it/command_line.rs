//! The command line: runs each command of the real program as a person would, and checks its output and
//! exit status.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use doorbell::sandbox::TOKEN;
use serde_json::Value;

use crate::harness::{Program, SandboxProcess, get, run, run_openly};

fn in_no_folder() -> &'static Path {
    Path::new("/")
}

/// The commands below a command, as its help lists them.
fn below(command: &[String]) -> Vec<Vec<String>> {
    let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
    arguments.push("--help");
    let help = run(&arguments, &[], in_no_folder()).stdout;
    let listed = help.split_once("\nCommands:\n").map(|(_, listed)| listed.split("\n\n").next().unwrap_or_default());
    let names = listed.into_iter().flat_map(str::lines).filter_map(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(|name| [command, &[name.to_owned()]].concat()).collect()
}

#[test]
fn every_command_has_help_with_an_example() {
    let mut commands = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = commands.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = run(&arguments, &[], in_no_folder());
        assert_eq!(help.code, 0, "{command:?}");
        let example = help.stdout.split("Example").nth(1).unwrap_or_default();
        assert!(example.contains("doorbell"), "{command:?}: {}", help.stdout);
        assert!(help.stdout.contains("--config <FILE>"), "{command:?}");
        assert!(!help.stdout.contains('!'), "{command:?}");
        commands.extend(below(&command));
        seen += 1;
    }
    assert!(seen >= 10, "all commands are found, not only {seen}");
}

#[test]
fn an_unknown_command_or_option_exits_2_and_names_the_nearest() {
    for (arguments, named) in [
        (&["setings"][..], "settings"),
        (&["ring", "--chta", "1"], "--chat"),
        (&["ring", "--chat", "Ann"], "--chat"),
        (&["webhook"], "info"),
        (&["settings", "--json", "--schema"], "--schema"),
        (&["ring", "--url", "127.0.0.1:10000"], "http://"),
    ] {
        let ended = run(arguments, &[], in_no_folder());
        assert_eq!(ended.code, 2, "{arguments:?}");
        assert!(ended.stderr.contains(named) && ended.stdout.is_empty(), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn a_reader_that_goes_away_is_not_an_error() {
    let token = [("TELEGRAM_BOT_TOKEN", TOKEN)];
    for arguments in [
        &["settings"][..],
        &["settings", "--json"],
        &["settings", "--schema"],
        &["webhook", "secret"],
        &["ring", "--curl"],
        &["--help"],
    ] {
        let mut command = Program::command(arguments);
        let mut child =
            command.envs(token).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        drop(child.stdout.take());
        let ended = child.wait_with_output().expect("it ends");
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), stderr.as_ref()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn the_settings_are_shown_with_their_sources_and_without_secrets() {
    let secrets = ["A-secret-of-the-webhook", "a:password@db.example", "An-operators-token"];
    let variables = [
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("WEBHOOK_SECRET", secrets[0]),
        ("DATABASE_URL", "postgres://a:password@db.example/bot"),
        ("ADMIN_TOKEN", secrets[2]),
        ("PORT", "8080"),
    ];
    let (table, json) =
        (run(&["settings"], &variables, in_no_folder()), run(&["settings", "--json"], &variables, in_no_folder()));
    for shown in [&table, &json] {
        assert_eq!(shown.code, 0);
        for secret in secrets.iter().chain([&TOKEN]) {
            assert!(!shown.stdout.contains(secret), "{}", shown.stdout);
        }
    }
    assert!(
        table.stdout.contains("environment variable PORT")
            && table.stdout.contains(&format!("(secret, {} characters)", TOKEN.len()))
    );
    let entries: Value = serde_json::from_str(&json.stdout).unwrap();
    let port = entries.as_array().unwrap().iter().find(|entry| entry["key"] == "server.port").unwrap();
    assert_eq!((&port["value"], &port["source"]), (&8080.into(), &"environment variable PORT".into()));
}

#[test]
fn the_schema_knows_each_key_of_the_defaults_and_no_other() {
    let printed = run(&["settings", "--schema"], &[("PORT", "not read")], in_no_folder());
    let schema: Value = serde_json::from_str(&printed.stdout).unwrap();
    let defaults = include_str!("../../config/default.toml");
    let defaults: toml::Table = defaults.parse().unwrap();
    let mut pairs = vec![(String::new(), toml::Value::Table(defaults), &schema)];
    while let Some((key, value, schema)) = pairs.pop() {
        assert!(schema.is_object(), "{key} is not in the schema");
        let fits = match (&value, schema["type"].as_str().unwrap_or_default()) {
            (toml::Value::Table(_), "object") => true,
            (toml::Value::Table(_), _) => false,
            (value, "string") => value.is_str(),
            (value, "integer") => value.is_integer(),
            (value, "number") => value.is_float(),
            (value, "boolean") => value.is_bool(),
            (value, "array") => value.is_array(),
            (value, _) => {
                let mut names = schema["oneOf"].as_array().into_iter().flatten();
                names.any(|name| name["const"].as_str() == value.as_str())
            }
        };
        assert!(fits, "{key}: {value} against {schema}");
        if let toml::Value::Table(table) = value {
            assert_eq!(schema["additionalProperties"], false, "{key}");
            let known = schema["properties"].as_object().unwrap();
            let undocumented: Vec<_> = known
                .keys()
                .filter(|name| !table.contains_key(*name) && !matches!(&***name, "command" | "button"))
                .collect();
            assert!(undocumented.is_empty(), "{key}: {undocumented:?} are not in the defaults");
            pairs.extend(table.into_iter().map(|(name, value)| {
                let schema = &schema["properties"][&name];
                (format!("{key}.{name}"), value, schema)
            }));
        }
    }
}

#[test]
fn ring_with_the_sandbox_is_answered_and_the_conversation_shows_the_reply() {
    let playground = SandboxProcess::start();
    let url = playground.url();
    let sent = run(&["ring", "/start", "--url", &url], &[], in_no_folder());
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    assert!(sent.stdout.contains("answered 200"), "{}", sent.stdout);
    assert!(playground.replies(1, 1)[0].starts_with("Hello, Ann."));

    let echo = run(&["ring", "/echo good day", "--chat", "7", "--url", &url, "--json"], &[], in_no_folder());
    let answer: Value = serde_json::from_str(&echo.stdout).unwrap();
    assert_eq!((&answer["status"], &answer["body"]), (&200.into(), &"".into()));
    assert_eq!(playground.replies(7, 1), ["You said: good day"]);

    let pressed = run(&["ring", "--callback", "yes", "--url", &url], &[], in_no_folder());
    assert_eq!(pressed.code, 0, "{}", pressed.stderr);
}

#[test]
fn an_update_that_is_sent_twice_is_known_the_second_time() {
    let playground = SandboxProcess::start();
    for _ in 0..2 {
        let sent = run(&["ring", "--update-id", "5", "--url", &playground.url()], &[], in_no_folder());
        assert_eq!(sent.code, 0, "{}", sent.stderr);
    }
    let updates = &get(playground.program.addr, "/healthz").json()["updates"];
    assert_eq!((&updates["stored"], &updates["known"]), (&1.into(), &1.into()));
    assert_eq!(playground.replies(1, 1).len(), 1);
}

#[test]
fn ring_with_the_wrong_secret_exits_1_and_says_what_to_do() {
    let playground = SandboxProcess::start();
    let wrong = run(&["ring", "--url", &playground.url()], &[("WEBHOOK_SECRET", "wrong")], in_no_folder());
    assert_eq!(wrong.code, 1);
    for words in ["answered 401", "WEBHOOK_SECRET", "The secret token is missing or wrong"] {
        assert!(wrong.stdout.contains(words), "{}", wrong.stdout);
    }
    assert_eq!(get(playground.program.addr, "/healthz").json()["updates"]["unauthorized"], 1);
}

#[test]
fn ring_without_a_listening_service_exits_1_with_a_hint() {
    let url = format!("http://127.0.0.1:{}", crate::harness::free_port());
    let ended = run(&["ring", "--url", &url], &[], in_no_folder());
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("connection refused") && ended.stderr.contains("\nhint:  "), "{}", ended.stderr);
}

#[test]
fn the_curl_command_that_ring_prints_does_the_same() {
    let playground = SandboxProcess::start();
    let text = "/echo it's \"quoted\" & $more";
    let printed = run_openly(&["ring", text, "--url", &playground.url(), "--curl"], &[], in_no_folder());
    assert!(printed.stdout.starts_with("curl "), "{}", printed.stdout);
    assert_eq!(
        playground.seen("calls").as_array().unwrap().iter().filter(|call| call["method"] == "sendMessage").count(),
        0
    );
    let Some(answer) = in_a_shell(&printed.stdout) else { return };
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(playground.replies(1, 1), ["You said: it's \"quoted\" & $more"]);
}

/// Runs a line in a shell and returns its output; `None` if curl is not installed.
fn in_a_shell(line: &str) -> Option<String> {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        crate::harness::skip_without("curl", "the command that `doorbell ring --curl` prints");
        return None;
    }
    let ended = Command::new("sh").args(["-c", line]).output().expect("a shell is there");
    assert!(ended.status.success(), "{line}: {}", String::from_utf8_lossy(&ended.stderr));
    Some(String::from_utf8_lossy(&ended.stdout).into_owned())
}

#[test]
fn the_webhook_is_shown_set_and_removed_at_telegram() {
    let playground = SandboxProcess::start();
    let (info, json) = (playground.run(&["webhook", "info"]), playground.run(&["webhook", "info", "--json"]));
    assert_eq!((info.code, json.code), (0, 0), "{}", info.stderr);
    assert!(info.stdout.contains("(ours)") && info.stdout.contains("0 updates at Telegram"), "{}", info.stdout);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["webhook"]["url"], format!("{}/telegram/webhook", playground.url()));

    let set = playground.run(&["webhook", "set"]);
    assert_eq!((set.code, set.stdout.starts_with("Webhook is already set")), (0, true), "{}", set.stdout);
    let deleted = playground.run(&["webhook", "delete"]);
    assert_eq!((deleted.code, deleted.stdout.starts_with("Webhook was deleted")), (0, true), "{}", deleted.stdout);

    let none = run(&["webhook", "info"], &[], in_no_folder());
    assert_eq!(none.code, 2, "without a token there is nothing to ask about");
    assert!(none.stderr.contains("@BotFather"), "{}", none.stderr);
}

#[test]
fn the_printed_secret_is_the_accepted_one() {
    let playground = SandboxProcess::start();
    let derived = playground.run_openly(&["webhook", "secret"]);
    let secret = derived.stdout.trim();
    assert!(secret.len() == 43 && derived.stderr.is_empty());
    let sent = run(&["ring", "--url", &playground.url()], &[("WEBHOOK_SECRET", secret)], in_no_folder());
    assert_eq!(sent.code, 0, "{}", sent.stdout);
    let json = playground.run_openly(&["webhook", "secret", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&json.stdout).unwrap()["secret_token"], secret);
}

#[test]
fn the_sandbox_leaves_nothing_behind() {
    let mut playground = SandboxProcess::start();
    let url = playground.url();
    assert_eq!(run(&["ring", "/start", "--url", &url], &[], in_no_folder()).code, 0);
    playground.program.signal("INT");
    assert_eq!(playground.program.ended(Duration::from_secs(10)).code(), Some(0));
    assert_eq!(playground.files(), Vec::<String>::new());
}

#[test]
fn the_sandbox_does_not_touch_the_database_of_a_real_bot() {
    let url = "postgres://someone:password@db.example/bot";
    let ended = run(&["sandbox"], &[("DATABASE_URL", url)], in_no_folder());
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("Unset DATABASE_URL") && !ended.stderr.contains("password"), "{}", ended.stderr);
}
