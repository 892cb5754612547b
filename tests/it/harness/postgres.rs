//! A temporary PostgreSQL server, started from the programs of this machine.

use std::fs;
use std::io::{BufRead, BufReader, Write, stderr};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, PgConnection, Row};

/// When this variable is set, as in CI, a missing PostgreSQL fails the tests.
const REQUIRED: &str = "DOORBELL_REQUIRE_POSTGRES";

/// Makes a schema what version 6 left, without lanes. The functions of old claims stay as they are, and work on both.
pub(crate) const BACK_TO_VERSION_6: &str = "
    DROP FUNCTION doorbell.accept_2, doorbell.claim_5, doorbell.claim_urgent_1, doorbell.claim_calls_2, doorbell.settle_4,
        doorbell.extend_3, doorbell.revive_4, doorbell.drop_waiting_2, doorbell.since_2, doorbell.answer_within_1;
    ALTER TABLE doorbell.chats DROP COLUMN answer_by, DROP COLUMN is_urgent;
    UPDATE doorbell.schema_version SET version = 6;";

/// A server on loopback with fsync on. It stops when the value is dropped or the process ends.
pub(crate) struct Server {
    port: u16,
    /// The shell script that runs the server. It ends when its standard input is closed.
    script: Mutex<(Child, BufReader<ChildStdout>)>,
}

/// A new, empty database of the server that the tests of a process share.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    /// A database for one test. None if this machine has no PostgreSQL: the test is then skipped, and standard error
    /// says so once.
    pub(crate) async fn fresh() -> Option<Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        let server = SHARED.get_or_init(Server::start).as_ref()?;
        Some(server.database().await)
    }

    /// A database behind a transaction pooler, which may run each transaction on another connection. None if this
    /// machine has no pooler, which standard error says once.
    pub(crate) async fn pooled() -> Option<Self> {
        Self::direct_and_pooled().await.map(|(_, pooled)| pooled)
    }

    /// The URLs of the same database without the pooler and through it.
    pub(crate) async fn direct_and_pooled() -> Option<(Self, Self)> {
        static SHARED: OnceLock<Option<Pooler>> = OnceLock::new();
        let database = Self::fresh().await?;
        let (server, name) = database.url.rsplit_once('/').expect("it names a database");
        let port = server.rsplit_once(':').expect("it has a port").1;
        let pooler = SHARED.get_or_init(|| Pooler::start(port)).as_ref()?;
        let url = url(pooler.port, name);
        Some((database, Self { url }))
    }

    /// A connection that bypasses the service.
    pub(crate) async fn connect(&self) -> PgConnection {
        // A pooler accepts only the common session settings.
        let options = PgConnectOptions::from_str(&self.url).expect("it is a URL").extra_float_digits(None);
        options.connect().await.expect("the test's own database is there")
    }

    /// The number that a query returns.
    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let row = self.connect().await.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql))).await;
        let row = row.expect("the query is right");
        let text = row.try_get_raw(0).expect("it has a column").as_str().expect("text");
        text.parse().expect("a number")
    }

    /// Runs statements that bypass the service.
    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connect().await)
            .await
            .expect("the test's own statements are right");
    }
}

impl Server {
    /// Starts a server. None if this machine has no PostgreSQL, which standard error says once.
    ///
    /// # Panics
    ///
    /// When the environment requires one.
    pub(crate) fn start() -> Option<Self> {
        static SAID: Once = Once::new();
        let Some(programs) = programs() else {
            assert!(
                !is_required(),
                "{REQUIRED} is set, but there is neither initdb on the PATH nor below /usr/lib/postgresql"
            );
            SAID.call_once(|| {
                // Not `print!`: the test runner captures it.
                let line = b"\nPostgreSQL is not installed here: the tests that need it are skipped\n";
                let _ = stderr().write_all(line);
            });
            return None;
        };
        let port =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port();
        let mut script = unprivileged()
            .args(["sh", "-c", include_str!("postgres.sh"), "sh"])
            .args([&programs, &std::env::temp_dir()])
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let output = BufReader::new(script.stdout.take().expect("it is piped"));
        let server = Self { port, script: Mutex::new((script, output)) };
        server.expect_line("started");
        Some(server)
    }

    /// Makes a database.
    pub(crate) async fn database(&self) -> Database {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", LAST.fetch_add(1, Ordering::Relaxed));
        let any = Database { url: self.url("postgres") };
        any.run(&format!("CREATE DATABASE {name}")).await;
        Database { url: self.url(&name) }
    }

    fn url(&self, database: &str) -> String {
        url(self.port, database)
    }

    /// Stops at once, as after a failure of the machine.
    pub(crate) fn stop_immediately(&self) {
        self.order("stop");
    }

    /// Starts again and returns once connections are accepted.
    pub(crate) fn start_again(&self) {
        self.order("start");
    }

    /// Suspends every process of the server: connections remain open and get no response.
    pub(crate) fn pause(&self) {
        self.order("pause");
    }

    /// Undoes [`Self::pause`].
    pub(crate) fn resume(&self) {
        self.order("resume");
    }

    fn order(&self, order: &str) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        let stdin = script.0.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{order}").expect("the script reads its standard input");
        drop(script);
        self.expect_line(order);
    }

    fn expect_line(&self, expected: &str) {
        let mut line = String::new();
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.1.read_line(&mut line).expect("the script writes to its standard output");
        assert_eq!(line.trim(), expected, "the script's standard error has the reason");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let script = self.script.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(script.0.stdin.take());
        let _ = script.0.wait();
    }
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://doorbell@127.0.0.1:{port}/{database}")
}

/// A pooler in front of the server that the tests share. It ends with the process.
struct Pooler {
    port: u16,
    _script: Child,
}

impl Pooler {
    fn start(server: &str) -> Option<Self> {
        // Debian keeps it off the PATH of ordinary users.
        let programs = ["pgbouncer", "/usr/sbin/pgbouncer"];
        let Some(program) = programs.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
        else {
            assert!(!is_required(), "{REQUIRED} is set, but there is no pgbouncer on the PATH");
            super::print_line("\nPgBouncer is not installed here: the tests that need it are skipped");
            return None;
        };
        let port = super::free_port();
        let mut script = unprivileged()
            .args(["sh", "-c", include_str!("pooler.sh"), "sh"])
            .arg(std::env::temp_dir())
            .args([&port.to_string(), server, program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut line = String::new();
        let mut stdout = BufReader::new(script.stdout.take().expect("it is piped"));
        stdout.read_line(&mut line).expect("the script writes to its standard output");
        assert_eq!(line.trim(), "started", "the script's standard error has the reason");
        Some(Self { port, _script: script })
    }
}

/// Whether a missing PostgreSQL fails the tests.
fn is_required() -> bool {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    std::env::var_os(REQUIRED).is_some_and(|value| value != "0")
}

/// The folder with the server's programs: the one on the PATH, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "this finds a program as a shell does")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    // The PATH may contain a link; the other programs are in the directory of its target.
    let on_path = std::env::split_paths(&path).find(|folder| complete(folder));
    let on_path = on_path.and_then(|folder| Some(fs::canonicalize(folder.join("initdb")).ok()?.parent()?.to_owned()));
    let versions = || fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |folder: &Path| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = || versions().map(|entry| entry.path().join("bin")).filter(|folder| complete(folder));
    on_path.or_else(|| installed().max_by_key(|folder| version(folder)))
}

/// A command prefix that drops root, as which PostgreSQL refuses to run.
fn unprivileged() -> Command {
    use std::os::unix::fs::MetadataExt;
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !root {
        return Command::new("env");
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let user = if users.lines().any(|line| line.starts_with("postgres:")) { "postgres" } else { "nobody" };
    let mut command = Command::new("setpriv");
    command.arg(format!("--reuid={user}")).args(["--regid", user_group(user), "--clear-groups", "--"]);
    command
}

/// The group of this user.
fn user_group(user: &str) -> &str {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    if groups.lines().any(|line| line.starts_with(&format!("{user}:"))) { user } else { "nogroup" }
}
