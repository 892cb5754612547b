//! The doctor finds what keeps a bot from answering, and says what to do.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use doorbell::clock::SystemClock;
use doorbell::doctor::{Finding, Ring, Verdict, examine};
use doorbell::handler::{Context, Handler, HandlerError};
use doorbell::sandbox::{DeliveryOutcome, Fault, FaultKind, Sandbox, TOKEN};
use doorbell::settings::{Need, Settings, Sources};
use doorbell::telegram::Call;
use doorbell::update::Update;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::harness::{
    CommandOutput, SECRET, TestApp, TestAppBuilder, count_calls, fetch, free_port, message, run, start_sandbox,
};

/// A service, and the settings with which the doctor checks it.
struct Case {
    app: TestApp,
    overrides: Vec<(&'static str, String)>,
    environment: Vec<(&'static str, &'static str)>,
}

impl Case {
    /// A healthy service.
    async fn healthy() -> Self {
        Self::of(TestApp::spawn().await)
    }

    fn of(app: TestApp) -> Self {
        Self { app, overrides: Vec::new(), environment: Vec::new() }
    }

    fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.overrides.push((key, value.to_string()));
        self
    }

    async fn examine(&self) -> Vec<Finding> {
        self.examine_and(Ring::No).await
    }

    async fn examine_and(&self, ring: Ring) -> Vec<Finding> {
        let mut sources = Sources { environment: self.environment.iter().copied().collect(), ..Sources::default() }
            .with("telegram.bot_token", TOKEN)
            .with("telegram.api_url", self.app.sandbox.api_url())
            .with("webhook.secret_token", SECRET)
            .with("webhook.public_url", format!("http://{}", self.app.addr))
            .with("inbox.url", format!("sqlite:{}", self.app.folder.path().join("inbox.db").display()));
        for (key, value) in &self.overrides {
            sources = sources.with(key, value);
        }
        let settings = Settings::load(&sources, Need::Token).expect("the settings are right");
        examine(&settings, Arc::new(SystemClock), ring).await
    }

    /// Asserts that the check failed with this finding and this advice.
    async fn finds(&self, check: &str, seen: &str, advice: &str) {
        let findings = self.examine().await;
        let found = findings.iter().find(|finding| finding.check == check);
        assert!(found.is_some(), "no finding {check} in {findings:#?}");
        let found = found.expect("it is there");
        assert_eq!(found.verdict, Verdict::Failed, "{found:#?}");
        let advised = found.advice.as_deref().unwrap_or_default();
        assert!(found.seen.contains(seen) && advised.contains(advice), "{found:#?}");
    }
}

/// Rejects every update.
struct Rejects;

#[async_trait::async_trait]
impl Handler for Rejects {
    async fn handle(&self, _: &Update, _: &Context<'_>) -> Result<Vec<Call>, HandlerError> {
        Err(HandlerError::Reject("not for me".into()))
    }
}

fn not_ok(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.verdict != Verdict::Ok).map(|finding| finding.check).collect()
}

#[tokio::test]
async fn every_check_of_a_healthy_service_is_ok_and_changes_nothing() {
    let case = Case::healthy().await;
    let findings = case.examine_and(Ring::Harmless).await;
    assert_eq!(not_ok(&findings), Vec::<&str>::new(), "{findings:#?}");
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check).collect();
    let expected = "settings, bot token, public URL, webhook, kinds and limits, deliveries, reachability, service, \
                    secret token, ring, inbox, storage, platform, other programs";
    assert_eq!(checks.join(", "), expected);
    case.app.drain().await;
    assert_eq!(count_calls(&case.app.sandbox, "setWebhook"), 1);
    assert_eq!(fetch(case.app.addr, "/healthz").await.json()["updates"]["stored"], 1);
}

#[tokio::test]
async fn the_bot_answers_a_test_update_in_the_operators_name() {
    let case = Case::healthy().await;
    let findings = case.examine_and(Ring::Start { user: 77 }).await;
    assert_eq!(not_ok(&findings), Vec::<&str>::new(), "{findings:#?}");
    case.app.drain().await;
    assert_eq!(case.app.replies(77).len(), 1);
}

#[tokio::test]
async fn after_a_refused_token_telegram_is_asked_nothing_else() {
    let case = Case::healthy().await.with("telegram.bot_token", TOKEN.replace("Sandbox", "Another"));
    case.finds("bot token", "401", "@BotFather").await;
    let findings = case.examine().await;
    assert!(findings.iter().all(|finding| !matches!(finding.check, "webhook" | "deliveries" | "other programs")));
}

#[tokio::test]
async fn a_failure_of_telegram_is_distinguished_from_a_wrong_token() {
    let case = Case::healthy().await;
    case.app.sandbox.add_fault(Fault { method: None, times: None, what: FaultKind::Html(502) });
    case.finds("bot token", "502", "TELEGRAM_API_URL").await;
}

#[tokio::test]
async fn a_missing_public_url_is_found() {
    let case = Case::healthy().await.with("webhook.public_url", "");
    case.finds("public URL", "does not know its public URL", "PUBLIC_URL").await;
}

#[tokio::test]
async fn a_webhook_that_was_removed_is_found() {
    let case = Case::healthy().await;
    case.app.sandbox.start_polling_copy();
    case.finds("webhook", "has none", "polling copy").await;
}

#[tokio::test]
async fn a_webhook_of_another_service_is_found_with_its_host() {
    let case = Case::healthy().await;
    case.app.sandbox.take_over_webhook("https://192.0.2.1/hook").expect("it can be set");
    case.finds("webhook", "another service, at 192.0.2.1", "doorbell serve --takeover").await;
    case.finds("other programs", "two services", "Stop one of them").await;
}

#[tokio::test]
async fn a_webhook_with_another_path_is_found() {
    let case = Case::healthy().await;
    case.app.sandbox.take_over_webhook(&format!("http://{}/old", case.app.addr)).expect("it can be set");
    case.finds("webhook", "another path", "doorbell webhook set").await;
}

#[tokio::test]
async fn other_kinds_of_updates_and_limits_are_found() {
    let case =
        Case::healthy().await.with("webhook.allowed_updates", "[\"message\"]").with("webhook.max_connections", 7);
    case.finds("kinds and limits", "kinds of updates", "within a minute").await;
}

#[tokio::test]
async fn a_secret_that_telegram_does_not_have_is_found_in_its_last_error() {
    let case = Case::healthy().await;
    case.app.sandbox.change_secret("changed-behind-your-back");
    case.app.sandbox.send_text(7, "Ann", "/start");
    case.app.sandbox.until(|sandbox| tried(sandbox, &DeliveryOutcome::Status(401))).await;
    case.finds("deliveries", "401 Unauthorized. This means: the program that answers does not know", "WEBHOOK_SECRET")
        .await;
}

#[tokio::test]
async fn a_secret_that_the_running_service_does_not_know_is_found() {
    let case = Case::healthy().await.with("webhook.secret_token", "another-one");
    case.finds("secret token", "does not know the secret token", "the same TELEGRAM_BOT_TOKEN").await;
}

#[tokio::test]
async fn an_address_at_which_nothing_listens_is_found() {
    let sandbox = start_sandbox(&SystemClock).await;
    let port = free_port();
    let wanted =
        TestAppBuilder::default().with_sandbox(&sandbox).with("webhook.public_url", format!("http://127.0.0.1:{port}"));
    let app = wanted.start().await;
    app.registered().await;
    sandbox.send_text(7, "Ann", "/start");
    sandbox.until(|sandbox| sandbox.deliveries().iter().any(|attempt| attempt.outcome != DeliveryOutcome::Sent)).await;
    let case = Case::of(app).with("webhook.public_url", format!("http://127.0.0.1:{port}"));
    case.finds("deliveries", "nothing listens", "Start the service").await;
    case.finds("reachability", "connection refused", "Start the service").await;
}

#[tokio::test]
async fn another_program_at_the_public_url_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port is free");
    let addr = listener.local_addr().expect("it has an address");
    let answering = async {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ =
                stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno").await;
        }
    };
    let case = Case::healthy().await.with("webhook.public_url", format!("http://{addr}"));
    tokio::select! {
        () = answering => {}
        () = case.finds("reachability", "the platform's proxy found no running service", "listen on PORT") => {}
    }
}

#[tokio::test]
async fn a_proxy_that_answers_in_the_services_place_is_found() {
    let sandbox = start_sandbox(&SystemClock).await;
    let wanted = TestAppBuilder::default()
        .on_platform(&[("RENDER", "true"), ("IS_PULL_REQUEST", "true")])
        .with_sandbox(&sandbox);
    // A preview without a token has no webhook route.
    let case = Case::of(wanted.with("telegram.bot_token", "").start().await);
    case.finds("secret token", "answers 404 to a wrong secret token", "Pass the webhook's path").await;
    case.finds("service", "preview without a bot token", "Do as it says").await;
}

#[tokio::test]
async fn dead_letter_updates_and_an_inbox_of_another_program_are_found() {
    let mut case = Case::of(TestAppBuilder::default().with_handler(Rejects).start().await);
    case.app.registered().await;
    case.app.allow_unfinished_work = true;
    assert_eq!(case.app.deliver(&message(1, 7, "/start")).await.status, 200);
    case.app.drain().await;
    case.finds("inbox", "dead-letter: 1", "doorbell dead list").await;
    let other = case.app.folder.path().join("other.db");
    std::fs::write(&other, "no database at all, but long enough to be looked into").expect("it can be written");
    let case = case.with("inbox.url", format!("sqlite:{}", other.display()));
    case.finds("inbox", "is damaged or is not a SQLite database", "name another file").await;
}

#[tokio::test]
async fn an_inbox_of_a_stopped_service_is_read_and_no_file_is_left_beside_it() {
    let mut case = Case::healthy().await;
    case.app.allow_unfinished_work = true;
    let seen = async |case: &Case| {
        let findings = case.examine().await;
        findings.into_iter().find(|finding| finding.check == "inbox").expect("it is there").seen
    };
    assert!(seen(&case).await.contains("in use by the running service (good); waiting: 0"));
    case.app.stop().await.expect("it stops without an error");
    let Case { app, overrides, environment } = case;
    let (folder, sandbox) = (Arc::clone(&app.folder), app.sandbox.clone());
    drop(app);
    let app = TestAppBuilder::default().with_sandbox(&sandbox).start().await;
    let case = Case { app, overrides, environment };
    let case = case.with("inbox.url", format!("sqlite:{}", folder.path().join("inbox.db").display()));
    let before = files(&folder);
    assert!(seen(&case).await.contains("no service uses it now; waiting: 0"));
    assert_eq!(files(&folder), before);
    let case = case.with("inbox.url", format!("sqlite:{}", folder.path().join("new/inbox.db").display()));
    assert!(seen(&case).await.contains("the first start creates it"));
    assert_eq!(files(&folder), before);
}

fn files(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).expect("it is there");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_disk_that_a_deploy_erases_and_a_preview_are_found() {
    let mut case = Case::healthy().await;
    case.environment = vec![("RENDER", "true")];
    let case = case.with("inbox.url", "sqlite:/tmp/../doorbell-of-the-test/inbox.db");
    case.finds("storage", "a deploy erases the inbox", "DATABASE_URL").await;

    let mut preview = Case::healthy().await;
    preview.environment = vec![("RENDER", "true"), ("IS_PULL_REQUEST", "true")];
    preview
        .finds("platform", "a preview or a test environment on Render (IS_PULL_REQUEST is true)", "a separate bot")
        .await;
    let preview = preview.with("telegram.bot_token", "");
    preview.finds("bot token", "this is a preview", "a separate bot").await;
}

#[tokio::test]
async fn a_polling_copy_that_the_service_has_noticed_is_found() {
    let app = TestAppBuilder::default().with("webhook.watch_interval", "1s").start().await;
    app.registered().await;
    app.sandbox.start_polling_copy();
    app.sandbox.until(|sandbox| sandbox.webhook().is_some()).await;
    app.registered().await;
    let case = Case::of(app);
    case.finds("other programs", "removed or changed", "stop it").await;
    case.finds("service", "deleteWebhook", "Stop the other program").await;
}

fn tried(sandbox: &Sandbox, outcome: &DeliveryOutcome) -> bool {
    sandbox.deliveries().iter().any(|attempt| attempt.outcome == *outcome)
}

/// Runs the command while a service runs in this process.
async fn command(case: &Case, arguments: &'static [&'static str], more: &[(&'static str, String)]) -> CommandOutput {
    let app = &case.app;
    let mut variables = vec![
        ("TELEGRAM_BOT_TOKEN", TOKEN.to_owned()),
        ("TELEGRAM_API_URL", app.sandbox.api_url()),
        ("PUBLIC_URL", format!("http://{}", app.addr)),
        ("WEBHOOK_SECRET", SECRET.to_owned()),
        ("DATABASE_URL", format!("sqlite:{}", app.folder.path().join("inbox.db").display())),
    ];
    variables.extend_from_slice(more);
    let folder = Arc::clone(&app.folder);
    let running = tokio::task::spawn_blocking(move || {
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, &value[..])).collect();
        run(arguments, &variables, folder.path())
    });
    running.await.expect("no panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_exits_0_1_or_2_and_explains() {
    let case = Case::healthy().await;
    let well = command(&case, &["doctor", "--ring"], &[]).await;
    assert_eq!(well.code, 0, "{}{}", well.stdout, well.stderr);
    assert!(well.stdout.contains("No check failed.") && !well.stdout.contains('\u{1b}'), "{}", well.stdout);
    case.app.drain().await;

    let json = command(&case, &["doctor", "--json"], &[]).await;
    let json: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!((&json["ok"], &json["findings"][0]["verdict"]), (&true.into(), &"ok".into()));

    let failed = command(&case, &["doctor"], &[("WEBHOOK_SECRET", "another".to_owned())]).await;
    assert_eq!(failed.code, 1, "{}", failed.stdout);
    assert!(failed.stdout.contains("FAILED") && failed.stdout.contains("to do: "), "{}", failed.stdout);

    let explained = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let explained = run(&["doctor", "--explain", explained], &[], Path::new("/"));
    assert!(explained.code == 0 && explained.stdout.contains("which never polls"), "{}", explained.stdout);
}

#[test]
fn explain_distinguishes_markup_from_an_address_and_does_not_guess() {
    let explain = |text: &str| run(&["doctor", "--explain", text], &[], Path::new("/"));
    for (text, words) in [
        (
            "Bad Request: can't parse entities: Character '!' is reserved and must be escaped with the preceding '\\'",
            "MarkdownV2",
        ),
        ("Bad Request: bad webhook: IP address 10.0.0.1 is reserved", "private address"),
        (
            "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: bot was blocked by the user\"}",
            "has blocked the bot",
        ),
        ("409", "Stop the programs that poll"),
    ] {
        let explained = explain(text);
        assert!(explained.code == 0 && explained.stdout.contains(words), "{text}: {}", explained.stdout);
    }
    for text in ["The table is reserved", "400", "Bad Request: something new", ""] {
        let unknown = explain(text);
        assert!(unknown.code == 1 && unknown.stdout.starts_with("Not known"), "{text}: {}", unknown.stdout);
    }
    let json = run(&["doctor", "--json", "--explain", "429"], &[], Path::new("/")).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["text"], &json["meaning"]["key"]), (&"429".into(), &"code_429".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_exit_2_with_what_is_valid() {
    let case = Case::healthy().await;
    let public = ("TELEGRAM_API_URL", "https://api.telegram.org".to_owned());
    for (variable, value, words) in [
        ("PUBLIC_URL", "bot.example.org", "write https:// before it"),
        ("PUBLIC_URL", "https://bot.example.org/telegram/webhook", "adds /telegram/webhook itself"),
        ("PUBLIC_URL", "https://bot.example.org:10000", "443, 80, 88 or 8443"),
        ("PUBLIC_URL", "https://10.0.0.1", "cannot be reached from the internet"),
        ("WEBHOOK_SECRET", "with a blank", "1 to 256 of A-Z a-z 0-9 _ -"),
        ("DOORBELL__WEBHOOK__ALLOWED_UPDATES", "[\"mesage\"]", "the nearest is \"message\""),
    ] {
        let wrong = command(&case, &["doctor"], &[public.clone(), (variable, value.to_owned())]).await;
        assert_eq!(wrong.code, 2, "{value}: {}", wrong.stdout);
        assert!(wrong.stderr.contains(words), "{value}: {}", wrong.stderr);
    }
}
