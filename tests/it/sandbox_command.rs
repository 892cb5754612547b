//! `doorbell sandbox`: the commands that it prints work when pasted, on any port and however the program was started.
//! Requests to the control API that make no sense are refused with a reason.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorbell::sandbox::TOKEN;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::harness::{CommandOutput, Program, free_port, get, run, skip_without, until};

/// `doorbell sandbox` on free ports in its own empty folder, and its output.
struct RunningSandbox {
    child: Child,
    folder: TempDir,
}

impl RunningSandbox {
    fn with(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = std::fs::File::create(folder.path().join("log")).expect("it can be written");
        let mut command = Program::command(&["sandbox", "--port", "0", "--bot-api-port", "0"]);
        command.args(arguments).envs(variables.iter().copied()).env("RUST_LOG", "info").current_dir(folder.path());
        let errors = log.try_clone().expect("a second handle");
        let child = command.stdout(log).stderr(errors).spawn().expect("the program starts");
        let started = Self { child, folder };
        until("it prints the commands to try", Duration::from_secs(20), || {
            started.output().contains("Ctrl-C").then_some(())
        });
        started
    }

    fn output(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The lines to paste, in order.
    fn lines(&self) -> Vec<String> {
        let output = self.output();
        output.lines().filter_map(|line| line.strip_prefix("  ")).map(|line| line.trim().to_owned()).collect()
    }

    /// The first line to paste that contains this text.
    fn line(&self, words: &str) -> String {
        let lines = self.lines();
        lines.iter().find(|line| line.contains(words)).unwrap_or_else(|| panic!("{words}: {lines:?}")).clone()
    }

    /// The URL of the simulated Bot API.
    fn bot_api(&self) -> String {
        let line = self.line("/sandbox/messages -d");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("a URL");
        url.trim_end_matches("/sandbox/messages").to_owned()
    }

    /// Waits until the output contains this text.
    fn wait_for(&self, words: &str) {
        until(words, Duration::from_secs(20), || self.output().contains(words).then_some(()));
    }
}

impl Drop for RunningSandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a line in a shell with an empty environment.
fn run_in_shell(line: &str) -> CommandOutput {
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
    let ended = shell.current_dir("/").output().expect("a shell is there");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    CommandOutput { code: ended.status.code().unwrap_or(-1), stdout: text(&ended.stdout), stderr: text(&ended.stderr) }
}

fn has_curl() -> bool {
    let there = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !there {
        skip_without("curl", "what the sandbox prints and its control API");
    }
    there
}

/// Posts a body to a route of the control API and returns the response.
fn post_json(bot_api: &str, to: &str, body: &Value) -> Value {
    let answer = run_in_shell(&format!("curl -s {bot_api}/sandbox/{to} -d '{body}'"));
    serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {}", answer.stdout))
}

#[test]
fn every_line_of_the_greeting_works_when_pasted_on_any_port() {
    if !has_curl() {
        return;
    }
    let sandbox = RunningSandbox::with(&[], &[]);
    sandbox.wait_for("as wanted.");
    let lines = sandbox.lines();
    assert_eq!(lines.len(), 7, "{lines:?}");
    let output = sandbox.output();
    let page =
        output.lines().find_map(|line| line.strip_prefix("Chat with the bot: ")).expect("the address of the page");
    assert!(run_in_shell(&format!("curl -s {page}")).stdout.contains("<title>Ann · Doorbell</title>"));
    for line in &lines {
        let ended = run_in_shell(line);
        assert_eq!(ended.code, 0, "{line}: {}{}", ended.stdout, ended.stderr);
        assert!(!ended.stdout.is_empty(), "{line}");
    }
    let doctor = run_in_shell(&sandbox.line(" doctor "));
    assert!(doctor.stdout.contains("No check failed."), "{}", doctor.stdout);
    let info = run_in_shell(&sandbox.line(" webhook info "));
    assert!(info.stdout.contains("(ours)"), "{}", info.stdout);
}

#[test]
fn the_lines_of_the_greeting_start_the_program_as_it_was_started() {
    let by_path = RunningSandbox::with(&[], &[]);
    assert!(by_path.line(" ring ").starts_with(env!("CARGO_BIN_EXE_doorbell")), "{:?}", by_path.lines());
    // Cargo sets this variable for a program that it runs.
    let by_cargo = RunningSandbox::with(&[], &[("CARGO_PKG_NAME", "doorbell")]);
    let ring = by_cargo.line(" ring ");
    assert!(ring.starts_with("cargo run -q -- ring /start --url http://127.0.0.1:"), "{ring}");
    assert!(by_cargo.line(" doctor ").starts_with("cargo run -q -- doctor --sandbox=http://127.0.0.1:"));
}

#[test]
fn the_greeting_names_the_bot_behind_forward_url_and_where_it_finds_its_bot_api() {
    let sandbox = RunningSandbox::with(&[], &[("FORWARD_URL", "http://127.0.0.1:1/a-private-path")]);
    let output = sandbox.output();
    let line = output.lines().find(|line| line.starts_with("Your bot at")).unwrap_or_else(|| panic!("{output}"));
    let begin = "Your bot at http://127.0.0.1:1 is behind the service. Its Bot API is ";
    let gateway = line.strip_prefix(begin).and_then(|rest| rest.split(',').next()).unwrap_or_else(|| panic!("{line}"));
    let token = run_in_shell(line.split('`').nth(1).expect("a command"));
    assert_eq!(token.code, 0, "{}", token.stderr);
    let url = Url::parse(&format!("{gateway}/bot{}/getMe", token.stdout.trim())).expect("a URL");
    let gateway = url.socket_addrs(|| None).expect("an address")[0];
    let me = get(gateway, url.path());
    assert_eq!((me.status, &me.json()["result"]["is_bot"]), (200, &true.into()), "{me:?}");
    assert!(!sandbox.output().contains("a-private-path"));
}

#[test]
fn the_sandbox_option_overrides_the_environment_in_other_commands() {
    let sandbox = RunningSandbox::with(&[], &[]);
    sandbox.wait_for("as wanted.");
    let at = format!("--sandbox={}", sandbox.bot_api());
    let real =
        [("TELEGRAM_BOT_TOKEN", "987654321:AAtestOfAnotherBot0123456789012345"), ("PUBLIC_URL", "https://a.example")];
    for arguments in [&["webhook", "info"][..], &["webhook", "delete"], &["ring", "/start"]] {
        let ended = run(&[arguments, &[&at]].concat(), &real, Path::new("/"));
        assert_eq!(ended.code, 0, "{arguments:?}: {}{}", ended.stdout, ended.stderr);
    }
    sandbox.wait_for("This bot's webhook was removed");
    let unused = format!("--sandbox=http://127.0.0.1:{}", free_port());
    let ended = run(&["doctor", &unused], &[], Path::new("/"));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("there is no sandbox at http://127.0.0.1:") && ended.stderr.contains("\nhint:  "));
}

#[test]
fn each_message_is_printed_on_one_line() {
    if !has_curl() {
        return;
    }
    let sandbox = RunningSandbox::with(&[], &[]);
    let bot_api = sandbox.bot_api();
    post_json(&bot_api, "messages", &json!({"text": "/echo good\nday", "from": "Zoe", "chat": 7}));
    sandbox.wait_for("Zoe to the bot, chat 7: /echo good day\n");
    sandbox.wait_for("Doorbell to Zoe, chat 7: You said: good day\n");
    post_json(&bot_api, "messages", &json!({"text": "x".repeat(300), "chat": -5}));
    sandbox.wait_for(&format!("Ann to Group 5, chat -5: {}…\n", "x".repeat(100)));
}

#[test]
fn button_presses_and_faults_that_cannot_apply_are_refused_with_a_reason() {
    if !has_curl() {
        return;
    }
    let sandbox = RunningSandbox::with(&[], &[]);
    let bot_api = sandbox.bot_api();
    let press = |message_id: i64, data: &str, chat: i64| json!({"message_id": message_id, "data": data, "chat": chat});
    post_json(&bot_api, "messages", &json!({"text": "hello"}));
    let buttons = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]});
    let message = json!({"chat_id": 2, "text": "Sure?", "reply_markup": buttons});
    let call = run_in_shell(&format!(
        "curl -s {bot_api}/bot{TOKEN}/sendMessage -H 'Content-Type: application/json' -d '{message}'"
    ));
    let sent = serde_json::from_str::<Value>(&call.stdout).unwrap()["result"]["message_id"].as_i64().unwrap();
    for (to, body, reason) in [
        ("presses", press(1, "yes", 99), "there are no messages in chat 99"),
        ("presses", press(10_000, "yes", 2), "there is no message 10000 in chat 2"),
        ("presses", press(sent, "no", 2), "has no button with the data \"no\"; it has \"yes\""),
        ("presses", press(1, "yes", 1), "has no button with the data \"yes\", nor with any other"),
        ("messages", json!({"text": "hello", "from": " "}), "expected: "),
        ("faults", json!({"method": "sendMesage", "what": "hang"}), "has no method \"sendMesage\""),
        ("faults", json!({"times": 0, "what": "hang"}), "times is 0"),
        ("faults", json!({"what": {"html": 99}}), "the code must be from 200 to 599, not 99"),
        ("faults", json!({"what": {"status": {"code": 200, "description": "OK"}}}), "must be from 400 to 599"),
    ] {
        let refused = post_json(&bot_api, to, &body);
        assert_eq!(refused["status"], 400, "{to} {body}: {refused}");
        assert!(refused["title"].as_str().unwrap().contains(reason), "{to} {body}: {refused}");
    }
    assert!(post_json(&bot_api, "presses", &press(sent, "yes", 2))["update_id"].is_i64());
    assert_eq!(post_json(&bot_api, "faults", &json!({"method": "sendPhoto", "times": 2, "what": "hang"}))["ok"], true);
    let faults: Value =
        serde_json::from_str(&run_in_shell(&format!("curl -s {bot_api}/sandbox/faults")).stdout).unwrap();
    assert_eq!(faults, json!([{"method": "sendPhoto", "times": 2, "what": "hang"}]));
    let page = run_in_shell(&format!("curl -s {bot_api}/sandbox")).stdout;
    assert!(page.contains("Faults wait in a queue"), "{page}");
}

#[test]
fn a_bot_uses_the_sandbox_with_the_variables_that_it_prints() {
    if !has_curl() {
        return;
    }
    let sandbox = RunningSandbox::with(&["--only-telegram"], &[]);
    let exports: Vec<_> = sandbox.lines().into_iter().filter(|line| line.starts_with("export ")).collect();
    let says = sandbox.line("/sandbox/messages -d");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = env!("CARGO_BIN_EXE_doorbell");
    let script = format!(
        "{}\nexport DATABASE_URL=memory: DOORBELL__FALLBACK__REPLY=heard\nexec {program} serve",
        exports.join("\n")
    );
    let mut bot = Command::new("sh");
    // The token is only the sandbox's, but no command line may contain a token.
    std::fs::write(folder.path().join("bot.sh"), script).expect("it can be written");
    bot.arg(folder.path().join("bot.sh")).env_clear();
    let _bot = Program::spawn(bot, 0, &folder.path().join("log"));
    let bot_api = sandbox.bot_api();
    until("it is registered", Duration::from_secs(20), || {
        let webhook = run_in_shell(&format!("curl -s {bot_api}/sandbox/webhook")).stdout;
        webhook.contains("/telegram/webhook").then_some(())
    });
    assert_eq!(run_in_shell(&says).code, 0);
    sandbox.wait_for("Ann to the bot, chat 1: good day\n");
    sandbox.wait_for("Doorbell to Ann, chat 1: heard\n");
    let info = run_in_shell(&sandbox.line(" webhook info "));
    assert!(info.code == 0 && info.stdout.contains("(ours)"), "{}{}", info.stdout, info.stderr);
}

#[test]
fn a_bot_downloads_the_photo_that_a_person_sends_and_sends_it_back() {
    if !has_curl() {
        return;
    }
    let sandbox = RunningSandbox::with(&["--only-telegram"], &[]);
    let bot_api = sandbox.bot_api();
    let ask = |arguments: &str| -> Value {
        let answer = run_in_shell(&format!("curl -s {arguments}")).stdout;
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{arguments}: {error}: {answer}"))
    };
    let bytes: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let [cat, copy] = ["cat.jpg", "copy.jpg"].map(|name| sandbox.folder.path().join(name));
    std::fs::write(&cat, &bytes).expect("it can be written");
    let sent = ask(&format!("-F photo=@{} -F caption=Look {bot_api}/sandbox/actions/photo", cat.display()));
    let updates = ask(&format!("{bot_api}/bot{TOKEN}/getUpdates"));
    let update = &updates["result"][0];
    assert_eq!((&update["update_id"], &update["message"]["caption"]), (&sent["update_id"], &json!("Look")));
    let id = update["message"]["photo"][0]["file_id"].as_str().expect("an id");
    let file = ask(&format!("{bot_api}/bot{TOKEN}/getFile?file_id={id}"));
    let path = file["result"]["file_path"].as_str().expect("a path").replace('/', "%2F");
    run_in_shell(&format!("curl -s {bot_api}/file/bot{TOKEN}/{path} -o {}", copy.display()));
    assert_eq!(std::fs::read(&copy).expect("it was downloaded"), bytes);
    let back = ask(&format!("-F chat_id=1 -F document=@{} {bot_api}/bot{TOKEN}/sendDocument", copy.display()));
    assert_eq!(back["result"]["document"]["file_size"], 70_000);
    sandbox.wait_for("Ann to the bot, chat 1: [photo] Look\n");
    sandbox.wait_for("Doorbell to Ann, chat 1: [document]\n");
}
