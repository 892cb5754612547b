use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use doorbell::sandbox::TOKEN;
use tempfile::TempDir;

use crate::harness::{FakeBotApi, Program, SECRET, free_port, until};

/// Longer than any of these events takes on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// `doorbell serve -- sh -c SCRIPT` in a folder of its own. The script writes files there, and the log is there too.
pub(super) struct BotUnderTest {
    pub(super) program: Program,
    pub(super) folder: TempDir,
    _telegram: FakeBotApi,
}

impl BotUnderTest {
    pub(super) async fn start(script: &str, more: &[(&str, &str)]) -> Self {
        let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
        let (command, port) = serve(&telegram.url(), &["/bin/sh", "-c", script], folder.path(), more);
        let program = Program::spawn(command, port, &folder.path().join("log"));
        Self { program, folder, _telegram: telegram }
    }

    /// Waits until the script has written a file with a text in it, and returns the text.
    pub(super) fn wrote(&self, file: &str) -> String {
        wrote(self.folder.path(), file)
    }

    /// Waits until a file has this many lines.
    pub(super) fn lines(&self, file: &str, count: usize) -> Vec<String> {
        let lines = || self.wrote(file).lines().map(str::to_owned).collect::<Vec<_>>();
        until(file, SOON, || Some(lines()).filter(|lines| lines.len() >= count))
    }

    /// Waits until a file holds a number, which is that of a process.
    pub(super) fn pid(&self, file: &str) -> i32 {
        self.wrote(file).trim().parse().expect("the number of a process")
    }

    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log contains these words, this often.
    pub(super) fn logged(&self, words: &str, times: usize) -> String {
        until(words, SOON, || Some(self.log()).filter(|log| log.matches(words).count() >= times))
    }

    /// The process between the service and the bot.
    pub(super) fn guardian(&self) -> i32 {
        let own = self.program.child.id().to_string();
        until("there is a guardian", SOON, || children(&own).first().copied())
    }
}

/// The command of `doorbell serve -- WORDS`, and the port of its service.
pub(super) fn serve(api: &str, words: &[&str], folder: &Path, more: &[(&str, &str)]) -> (Command, u16) {
    let port = free_port();
    let mut command = Program::command(&["serve", "--"]);
    command.args(words).current_dir(folder).envs([
        ("HOST", "127.0.0.1"),
        ("PORT", &port.to_string()),
        ("PUBLIC_URL", &format!("http://127.0.0.1:{port}")),
        ("TELEGRAM_BOT_TOKEN", TOKEN),
        ("TELEGRAM_API_URL", api),
        ("WEBHOOK_SECRET", SECRET),
        ("DATABASE_URL", "memory:"),
        ("DOORBELL__GATEWAY__LISTEN", "127.0.0.1:0"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("RUST_LOG", "info"),
        ("LOG_FORMAT", "text"),
    ]);
    command.envs(more.iter().copied());
    (command, port)
}

pub(super) fn wrote(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    until(file, SOON, || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')))
}

/// The processes whose parent is this one, except those that have ended.
pub(super) fn children(parent: &str) -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("there is /proc");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    names.filter(|pid| state(*pid).is_some_and(|(state, of)| state != 'Z' && of == parent)).collect()
}

/// The state of a process, and its parent.
pub(super) fn state(pid: i32) -> Option<(char, String)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.to_owned()))
}

/// Waits until a process is gone. One that has ended but was not reaped still counts.
pub(super) fn gone(pid: i32) {
    until(&format!("process {pid} is gone"), SOON, || state(pid).is_none().then_some(()));
}

/// Waits until a process has ended. The system's process 1 reaps it, some time later.
pub(super) fn ended(pid: i32) {
    until(&format!("process {pid} has ended"), SOON, || (!is_running(pid)).then_some(()));
}

pub(super) fn is_running(pid: i32) -> bool {
    state(pid).is_some_and(|(state, _)| state != 'Z')
}

/// Sends a signal by its name.
pub(super) fn signal(pid: i32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill is there");
    assert!(sent.success());
}

/// A program whose output nobody reads. It is killed when this is dropped.
pub(super) struct Unread(pub(super) Child);

impl Unread {
    pub(super) fn start(mut command: Command) -> Self {
        Self(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts"))
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
