use std::ffi::OsStr;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::app::free_port;
use super::canary::{assert_no_secret, assert_no_secret_in_inbox};

/// The program as a process. When it is dropped, its log and its inbox are searched for secrets.
pub struct Program {
    pub addr: SocketAddr,
    pub child: Child,
    log: PathBuf,
    inbox: Option<PathBuf>,
}

impl Program {
    /// A command of the program with an empty environment and level `trace`.
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbell"));
        command.args(arguments).env_clear().env("RUST_LOG", "trace").stdin(Stdio::null());
        command
    }

    /// Starts `serve` with these variables on a free port, with its output in a file, and waits until it listens.
    pub fn serve(variables: &[(&str, &str)], log: &Path) -> Self {
        let program = Self::start(variables, log);
        program.listens();
        program
    }

    /// Like [`Self::serve`], without waiting.
    pub fn start(variables: &[(&str, &str)], log: &Path) -> Self {
        let port = free_port();
        let mut command = Self::command(&["serve"]);
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .envs(variables.iter().copied());
        Self::spawn(command, port, log)
    }

    /// Starts a command that listens on this port of loopback, with its output in a file.
    pub fn spawn(mut command: Command, port: u16, log: &Path) -> Self {
        let file = std::fs::File::options().create(true).append(true).open(log).expect("the log can be written");
        command.stdout(file.try_clone().expect("a second handle")).stderr(file);
        let url = command.get_envs().find(|(name, _)| *name == "DATABASE_URL").and_then(|(_, url)| url);
        let inbox = url.and_then(OsStr::to_str).and_then(|url| url.strip_prefix("sqlite:")).map(PathBuf::from);
        let child = command.spawn().expect("the program starts");
        let mut program = Self::adopt(child, port, log);
        program.inbox = inbox;
        program
    }

    /// A running program whose output the test reads and writes to `log`.
    pub fn adopt(child: Child, port: u16, log: &Path) -> Self {
        let command_line = std::fs::read(format!("/proc/{}/cmdline", child.id())).unwrap_or_default();
        assert_no_secret("the command line", command_line);
        Self { addr: SocketAddr::from(([127, 0, 0, 1], port)), child, log: log.to_owned(), inbox: None }
    }

    /// Waits until the program accepts connections.
    pub fn listens(&self) {
        until("the program listens", Duration::from_secs(20), || TcpStream::connect(self.addr).ok());
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().expect("kill is there");
        assert!(sent.success());
    }

    /// Waits for the program to end by itself.
    pub fn ended(&mut self, within: Duration) -> ExitStatus {
        until("the program ends", within, || self.child.try_wait().expect("a child can be waited for"))
    }
}

/// Calls `look` until it returns a value, because another process sends no events to await.
pub fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_at_intervals(what, Duration::from_millis(2), within, look)
}

/// Like [`until`], where a look costs the other process more.
#[expect(clippy::disallowed_methods, reason = "other processes send no events")]
pub fn until_at_intervals<T>(
    what: &str,
    interval: Duration,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} within {within:?}");
        std::thread::sleep(interval);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            return;
        }
        assert_no_secret("the log", std::fs::read(&self.log).expect("the log outlives the program"));
        if let Some(inbox) = &self.inbox {
            assert_no_secret_in_inbox(inbox);
        }
    }
}

/// The output and exit status of a command.
pub struct CommandOutput {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the program to its end. Its output must contain no secret.
pub fn run(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> CommandOutput {
    let ended = run_openly(arguments, variables, folder);
    assert_no_secret(&format!("{arguments:?}"), ended.stdout.as_bytes());
    assert_no_secret(&format!("{arguments:?}"), ended.stderr.as_bytes());
    ended
}

/// Like [`run`], for a command whose purpose is to print a secret.
pub fn run_openly(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> CommandOutput {
    let mut command = Program::command(arguments);
    command.envs(variables.iter().copied()).current_dir(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let mut out = child.stdout.take().expect("piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
    stdout.push_str(&reader.join().expect("no panic").expect("text"));
    let status = child.wait().expect("a child can be waited for");
    CommandOutput { code: status.code().unwrap_or(-1), stdout, stderr }
}
