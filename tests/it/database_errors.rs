//! A database that cannot be used at start: the service runs and is not ready, and one log line says what to do, without
//! the password. It works as soon as the cause is gone.

use std::path::Path;

use tempfile::TempDir;

use crate::harness::postgres::{Database, Server};
use crate::harness::waiting::until;
use crate::harness::{
    Answer, FakeBotApi, KeepAliveClient, Program, echo_settings, echo_variables, free_port, get, message, run,
    serve_echo,
};

struct Waiting {
    program: Program,
    folder: TempDir,
    reason: &'static str,
    _telegram: FakeBotApi,
}

impl Waiting {
    /// Starts the service on a database that it cannot use. Checks that it says why, and what to do.
    async fn on(url: &str, reason: &'static str, hint: &str) -> Self {
        let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
        let (api, settings) = (telegram.url(), echo_settings(folder.path()));
        let mut variables = echo_variables(&api, url, &settings);
        variables.push(("RUST_LOG", "info"));
        let program = Program::serve(&variables, &folder.path().join("log"));
        let waiting = Self { program, folder, reason, _telegram: telegram };
        let not_ready = until("it says why it is not ready", async || {
            let ready = waiting.ask("/readyz");
            ready.body.contains(hint).then_some(ready)
        })
        .await;
        assert_eq!((not_ready.status, waiting.ask("/healthz").status), (503, 200));
        let health = waiting.ask("/healthz").body;
        for name in ["locked", "made_later", "visitor", "stranger", "doorbell@", "authentication"] {
            assert!(
                !not_ready.body.contains(name) && !health.contains(name),
                "the public text names nothing: {health}"
            );
        }
        let mut line = KeepAliveClient::connect(waiting.program.addr).await.unwrap();
        let refused = line.deliver(&message(1, 7, "/echo 1")).await.unwrap();
        assert_eq!((refused.status, refused.header("retry-after").is_some()), (503, true));
        let lines = waiting.reasons_logged();
        assert!(lines.len() == 1 && lines[0].contains(hint), "{lines:#?}");
        waiting
    }

    fn ask(&self, path: &str) -> Answer {
        get(self.program.addr, path)
    }

    /// The log lines that give the reason. A slow server, or one whose schema is just being changed, may give another
    /// reason in addition.
    fn reasons_logged(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        assert!(!log.contains("wrong-word"), "{log}");
        let about = log.lines().filter(|line| line.contains("the database of the inbox cannot be used"));
        about.filter(|line| line.contains(self.reason)).map(str::to_owned).collect()
    }

    /// Checks that the service works without a restart once the cause is gone, and that it logged the cause once.
    async fn recovers(self) {
        until("it is ready", async || (self.ask("/readyz").status == 200).then_some(())).await;
        let mut line = KeepAliveClient::connect(self.program.addr).await.unwrap();
        assert_eq!(line.deliver(&message(1, 7, "/echo 1")).await.unwrap().status, 200);
        assert_eq!(self.reasons_logged().len(), 1);
    }
}

/// The URL of the same server for another user and database.
fn url_of(database: &Database, user: &str, name: Option<&str>) -> String {
    let (server, own) = database.url.rsplit_once('/').unwrap();
    format!("{}/{}", server.replace("doorbell@", user), name.unwrap_or(own))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_reported_and_never_shown() {
    let Some(server) = Server::start() else { return };
    let database = server.database().await;
    database.run("CREATE ROLE locked LOGIN SUPERUSER PASSWORD 'right'").await;
    let url = url_of(&database, "locked:wrong-word@", None);
    let hint = "Check the user and the password in DATABASE_URL.";
    let waiting = Waiting::on(&url, "password authentication failed", hint).await;
    database.run("ALTER ROLE locked PASSWORD 'wrong-word'").await;
    waiting.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_waits_for_a_database_that_does_not_exist() {
    let Some(database) = Database::fresh().await else { return };
    let url = url_of(&database, "doorbell@", Some("made_later"));
    let hint = "Check the name of the database in DATABASE_URL, or create it.";
    let waiting = Waiting::on(&url, "does not exist", hint).await;
    database.run("CREATE DATABASE made_later").await;
    waiting.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_right_is_reported() {
    let Some(database) = Database::fresh().await else { return };
    let name = database.url.rsplit_once('/').unwrap().1;
    let role = format!("visitor_of_{name}");
    database.run(&format!("CREATE ROLE {role} LOGIN")).await;
    let hint = "The user needs the right to make a schema in the database (GRANT CREATE ON DATABASE)";
    let waiting = Waiting::on(&url_of(&database, &format!("{role}@"), None), "permission denied", hint).await;
    database.run(&format!("GRANT CREATE ON DATABASE {name} TO {role}")).await;
    waiting.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_of_another_role_is_reported() {
    let Some(database) = Database::fresh().await else { return };
    let name = database.url.rsplit_once('/').unwrap().1;
    let role = format!("stranger_of_{name}");
    database.run(&format!("CREATE ROLE {role} LOGIN; CREATE SCHEMA doorbell")).await;
    let hint = "or all rights on the one that is there";
    let waiting = Waiting::on(&url_of(&database, &format!("{role}@"), None), "permission denied", hint).await;
    database.run(&format!("GRANT ALL ON SCHEMA doorbell TO {role}")).await;
    waiting.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_a_running_service_is_in_the_log_and_the_public_text_names_nothing() {
    let Some(database) = Database::fresh().await else { return };
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    let program = serve_echo(&telegram, &database.url, folder.path(), &[]);
    until("it is ready", async || (get(program.addr, "/readyz").status == 200).then_some(())).await;
    database.run("ALTER FUNCTION doorbell.survey_1() RENAME TO hidden_name").await;
    let body = until("it is not ready", async || {
        let (ready, live) = (get(program.addr, "/readyz"), get(program.addr, "/healthz"));
        for body in [&ready.body, &live.body] {
            assert!(!body.contains("survey_1") && !body.contains("function") && !body.contains("doorbell."), "{body}");
        }
        (ready.status == 503).then_some(ready.body)
    })
    .await;
    assert!(body.contains("the inbox cannot be used now"), "{body}");
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(log.contains("survey_1") && log.contains("does not exist"), "the log names the function");
    database.run("ALTER FUNCTION doorbell.hidden_name() RENAME TO survey_1").await;
    until("it is ready again", async || (get(program.addr, "/readyz").status == 200).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_waits_for_a_host_that_cannot_be_reached() {
    let url = format!("postgres://locked:wrong-word@127.0.0.1:{}/bot", free_port());
    drop(Waiting::on(&url, "refused", "Check the host and the port in DATABASE_URL").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_version_is_not_used_or_changed() {
    let Some(database) = Database::fresh().await else { return };
    let made = "CREATE SCHEMA doorbell; CREATE TABLE doorbell.schema_version AS SELECT 99 AS version, 99 AS oldest";
    database.run(made).await;
    let waiting = Waiting::on(&database.url, "was made by a newer Doorbell", "Run the newer Doorbell").await;
    database.run("DROP SCHEMA doorbell CASCADE").await;
    waiting.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_says_why_the_database_cannot_be_used() {
    let url = format!("postgres://locked:wrong-word@127.0.0.1:{}/bot", free_port());
    let ended = run(&["dead", "list"], &[("DATABASE_URL", &url)], Path::new("/"));
    assert_eq!(ended.code, 1);
    assert!(ended.stderr.contains("Check the host and the port in DATABASE_URL"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("wrong-word"), "{}", ended.stderr);
}
