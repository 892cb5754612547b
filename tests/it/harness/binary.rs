use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::app::free_port;

/// The program itself, as a process.
pub struct Program {
    pub addr: SocketAddr,
    pub child: Child,
}

impl Program {
    /// A command of the program, with nothing of this machine's settings around it.
    pub fn command(arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorbell"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        command
    }

    /// Starts `serve` with these variables on a free port, its log going to a file.
    pub fn serve(variables: &[(&str, &str)], log: &Path) -> Self {
        let program = Self::start(variables, log);
        program.listens();
        program
    }

    /// The same, whether it comes to listen or not.
    pub fn start(variables: &[(&str, &str)], log: &Path) -> Self {
        let port = free_port();
        let log = std::fs::File::options().create(true).append(true).open(log).expect("the log can be written");
        let mut command = Self::command(&["serve"]);
        command
            .env("HOST", "127.0.0.1")
            .env("PORT", port.to_string())
            .env("PUBLIC_URL", format!("http://127.0.0.1:{port}"))
            .envs(variables.iter().copied())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log);
        let child = command.spawn().expect("the program starts");
        Self { addr: SocketAddr::from(([127, 0, 0, 1], port)), child }
    }

    /// Waits until the program takes connections.
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

/// Looks again and again until there is something, for what another process does can only be seen,
/// not awaited.
#[expect(clippy::disallowed_methods, reason = "other processes send no events")]
pub fn until<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "{what} within {within:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a command printed, and how it ended.
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command of the program to its end.
pub fn run(arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Ended {
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
    Ended { code: status.code().unwrap_or(-1), stdout, stderr }
}
