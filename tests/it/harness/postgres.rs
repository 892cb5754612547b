//! A throw-away PostgreSQL, made of the programs that the machine has.

use std::fs;
use std::io::{BufRead, BufReader, Write, stderr};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, Once, OnceLock, PoisonError};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};

/// Set where tests without PostgreSQL count for nothing, as in CI.
const REQUIRED: &str = "DOORBELL_REQUIRE_POSTGRES";

/// A server on loopback with fsync on. It ends with the value, and with the process however that ends.
pub(crate) struct Server {
    port: u16,
    /// The shell that keeps the server; it ends when its standard input does.
    keeper: Mutex<(Child, BufReader<ChildStdout>)>,
}

/// One database, empty at first, of the server that the tests of a process share.
pub(crate) struct Database {
    pub(crate) url: String,
}

impl Database {
    /// A database for one test. None where the machine has no PostgreSQL: then the test is left out,
    /// and standard error says so once.
    pub(crate) async fn fresh() -> Option<Self> {
        static SHARED: OnceLock<Option<Server>> = OnceLock::new();
        let server = SHARED.get_or_init(Server::start).as_ref()?;
        Some(server.database().await)
    }

    /// The same behind a pooler of transactions: each may have another connection of the server. None where
    /// the machine has none, which standard error says once.
    pub(crate) async fn pooled() -> Option<Self> {
        Self::direct_and_pooled().await.map(|(_, pooled)| pooled)
    }

    /// Both ways to the same database: without the pooler and through it.
    pub(crate) async fn direct_and_pooled() -> Option<(Self, Self)> {
        static SHARED: OnceLock<Option<Pooler>> = OnceLock::new();
        let database = Self::fresh().await?;
        let (server, name) = database.url.rsplit_once('/').expect("it names a database");
        let port = server.rsplit_once(':').expect("it has a port").1;
        let pooler = SHARED.get_or_init(|| Pooler::start(port)).as_ref()?;
        let url = url(pooler.port, name);
        Some((database, Self { url }))
    }

    /// A connection to look behind the scenes with.
    pub(crate) async fn connect(&self) -> PgConnection {
        // A pooler takes no setting of a session but the common ones.
        let options = PgConnectOptions::from_str(&self.url).expect("it is a URL").extra_float_digits(None);
        options.connect().await.expect("the test's own database is there")
    }

    /// Runs statements behind the scenes.
    pub(crate) async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut self.connect().await)
            .await
            .expect("the test's own statements are right");
    }
}

impl Server {
    /// Starts a server. None where the machine has no PostgreSQL, which standard error says once.
    ///
    /// # Panics
    ///
    /// When the environment says that there has to be one.
    pub(crate) fn start() -> Option<Self> {
        static SAID: Once = Once::new();
        let Some(programs) = programs() else {
            assert!(
                !is_required(),
                "{REQUIRED} is set, but there is neither initdb on the PATH nor below /usr/lib/postgresql"
            );
            SAID.call_once(|| {
                // Not print: that would be caught with what the test says.
                let line =
                    b"\nPostgreSQL is not installed here: the tests that need it were left out (they pass unrun)\n";
                let _ = stderr().write_all(line);
            });
            return None;
        };
        let port =
            TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).expect("a free port").port();
        let mut keeper = unprivileged()
            .args(["sh", "-c", include_str!("postgres.sh"), "sh"])
            .args([&programs, &std::env::temp_dir()])
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let said = BufReader::new(keeper.stdout.take().expect("it is piped"));
        let server = Self { port, keeper: Mutex::new((keeper, said)) };
        server.hear("started");
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

    /// Stops as if the machine had failed.
    pub(crate) fn stop_immediately(&self) {
        self.order("stop");
    }

    /// Starts again; returns once connections are taken.
    pub(crate) fn start_again(&self) {
        self.order("start");
    }

    /// Lets every process of the server stand still: connections stay open, nothing is answered.
    pub(crate) fn pause(&self) {
        self.order("pause");
    }

    /// Undoes [`Self::pause`].
    pub(crate) fn resume(&self) {
        self.order("resume");
    }

    fn order(&self, order: &str) {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let stdin = keeper.0.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{order}").expect("the server's keeper hears");
        drop(keeper);
        self.hear(order);
    }

    fn hear(&self, expected: &str) {
        let mut said = String::new();
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        keeper.1.read_line(&mut said).expect("the server's keeper speaks");
        assert_eq!(said.trim(), expected, "the server's keeper said why on standard error");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(keeper.0.stdin.take());
        let _ = keeper.0.wait();
    }
}

fn url(port: u16, database: &str) -> String {
    format!("postgres://doorbell@127.0.0.1:{port}/{database}")
}

/// A pooler before the server that the tests share. It ends with the process.
struct Pooler {
    port: u16,
    _keeper: Child,
}

impl Pooler {
    fn start(server: &str) -> Option<Self> {
        // Debian keeps it off the PATH of ordinary users.
        let programs = ["pgbouncer", "/usr/sbin/pgbouncer"];
        let Some(program) = programs.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
        else {
            assert!(!is_required(), "{REQUIRED} is set, but there is no pgbouncer on the PATH");
            super::print_line(
                "\nPgBouncer is not installed here: the tests that need it were left out (they pass unrun)",
            );
            return None;
        };
        let port = super::free_port();
        let mut keeper = unprivileged()
            .args(["sh", "-c", include_str!("pooler.sh"), "sh"])
            .arg(std::env::temp_dir())
            .args([&port.to_string(), server, program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut said = String::new();
        let mut stdout = BufReader::new(keeper.stdout.take().expect("it is piped"));
        stdout.read_line(&mut said).expect("the pooler's keeper speaks");
        assert_eq!(said.trim(), "started", "the pooler's keeper said why on standard error");
        Some(Self { port, _keeper: keeper })
    }
}

/// Whether tests without PostgreSQL count for nothing.
fn is_required() -> bool {
    #[expect(clippy::disallowed_methods, reason = "it is the tests that are told, not the service")]
    std::env::var_os(REQUIRED).is_some_and(|value| value != "0")
}

/// The folder with the server's programs: where the PATH leads, or the newest of Debian's.
fn programs() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a program is looked for, as a shell does it")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let complete = |folder: &Path| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    // A link leads to where the other programs are.
    let on_path = std::env::split_paths(&path).find(|folder| complete(folder));
    let on_path = on_path.and_then(|folder| Some(fs::canonicalize(folder.join("initdb")).ok()?.parent()?.to_owned()));
    let versions = || fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let version = |folder: &Path| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = || versions().map(|entry| entry.path().join("bin")).filter(|folder| complete(folder));
    on_path.or_else(|| installed().max_by_key(|folder| version(folder)))
}

/// The beginning of a command that does not run as root, which PostgreSQL refuses to.
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

/// The group of the same user.
fn user_group(user: &str) -> &str {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    if groups.lines().any(|line| line.starts_with(&format!("{user}:"))) { user } else { "nogroup" }
}
