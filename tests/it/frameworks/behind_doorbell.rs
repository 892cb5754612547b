//! A bot as the child of `doorbell sandbox`, or of `doorbell serve` beside a simulated Telegram that outlives it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::installed::Installed;
use super::telegram::Telegram;
use crate::harness::{Program, free_port, until_at_intervals};

/// A large library can need a minute to start on a busy machine.
const DEADLINE: Duration = Duration::from_mins(3);
/// Each look at the messages costs the simulated Telegram time that the bot needs.
const INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct BehindDoorbell {
    program: Program,
    pub(super) telegram: Telegram,
    /// The simulated Telegram, if it is a process of its own.
    telegram_alone: Option<Child>,
    command: Vec<&'static str>,
    bot_folder: PathBuf,
    /// Holds the log and the inbox.
    folder: TempDir,
}

impl BehindDoorbell {
    /// Starts `doorbell sandbox -- COMMAND` with the bot of the example.
    pub(super) fn start(installed: &Installed) -> Self {
        Self::run(installed.command, installed.folder.path())
    }

    /// Starts `doorbell sandbox -- COMMAND` in this folder and waits until the bot runs.
    pub(super) fn run(command: &[&'static str], bot_folder: &Path) -> Self {
        let [port, bot_api] = [free_port(), free_port()];
        let ports = [port, bot_api].map(|port| port.to_string());
        let arguments = ["sandbox", "--port", &ports[0], "--bot-api-port", &ports[1], "--"];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = with_path(Program::command(&[&arguments[..], command].concat()));
        Self::new(command, bot_folder, folder, [port, bot_api], program, None)
    }

    /// Starts `doorbell sandbox --only-telegram` and `doorbell serve -- COMMAND`, and waits until the bot runs.
    pub(super) fn serve(installed: &Installed) -> Self {
        let [port, bot_api] = [free_port(), free_port()];
        let ports = [port, bot_api].map(|port| port.to_string());
        let arguments = ["sandbox", "--only-telegram", "--port", &ports[0], "--bot-api-port", &ports[1]];
        let folder = tempfile::tempdir().expect("a temporary folder");
        // It prints the token of the sandbox, for a bot that a person starts.
        let telegram = Program::command(&arguments).env("RUST_LOG", "off").stdout(Stdio::null()).spawn();
        let telegram = telegram.expect("the program starts");
        let program = serving(installed.command, port, bot_api, &folder);
        Self::new(installed.command, installed.folder.path(), folder, [port, bot_api], program, Some(telegram))
    }

    fn new(
        command: &[&'static str],
        bot_folder: &Path,
        folder: TempDir,
        [port, bot_api]: [u16; 2],
        mut program: Command,
        telegram_alone: Option<Child>,
    ) -> Self {
        program.current_dir(bot_folder);
        let program = Program::spawn(program, port, &folder.path().join("log"));
        program.listens();
        let telegram = Telegram(SocketAddr::from(([127, 0, 0, 1], bot_api)));
        let (command, bot_folder) = (command.to_vec(), bot_folder.to_owned());
        let started = Self { program, telegram, telegram_alone, command, bot_folder, folder };
        started.until("the bot runs", || started.bot().map(drop));
        started
    }

    /// Kills Doorbell with `kill -9`.
    pub(super) fn kill(&mut self) {
        self.program.child.kill().expect("it runs");
        self.program.child.wait().expect("a child can be waited for");
    }

    /// Starts Doorbell again over the same inbox and on the same port.
    pub(super) fn serve_again(&mut self) {
        let (port, bot_api) = (self.program.addr.port(), self.telegram.0.port());
        let mut command = serving(&self.command, port, bot_api, &self.folder);
        command.current_dir(&self.bot_folder);
        self.program = Program::spawn(command, port, &self.folder.path().join("log"));
        self.program.listens();
        self.until("the bot runs", || self.bot().map(drop));
    }

    /// Calls `look` until it returns a value. The log explains a failure.
    pub(super) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            until_at_intervals(what, INTERVAL, DEADLINE, look)
        }));
        found.unwrap_or_else(|failure| {
            let log = self.log();
            let from = log.char_indices().rev().nth(6000).map_or(0, |(at, _)| at);
            crate::harness::print_line(&log[from..]);
            std::panic::resume_unwind(failure)
        })
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Waits until the bot has written this number of messages in a chat, and returns them.
    pub(super) fn replies(&self, chat: i64, count: usize) -> Vec<Value> {
        self.until("the bot answers", || {
            let messages = self.telegram.messages(chat);
            (messages.len() >= count).then_some(messages)
        })
    }

    /// The texts of [`Self::replies`].
    pub(super) fn texts(&self, chat: i64, count: usize) -> Vec<String> {
        let text = |message: Value| message["text"].as_str().unwrap_or_default().to_owned();
        self.replies(chat, count).into_iter().map(text).collect()
    }

    /// All processes below Doorbell.
    pub(super) fn processes(&self) -> Vec<Process> {
        let all = Process::all();
        let mut found: Vec<Process> = Vec::new();
        loop {
            let is_known = |id: u32| found.iter().any(|process| process.id == id);
            let is_below = |process: &&Process| {
                !is_known(process.id) && (process.parent == self.program.child.id() || is_known(process.parent))
            };
            let Some(process) = all.iter().find(is_below) else { return found };
            found.push(process.clone());
        }
    }

    /// The bot, if it runs.
    fn bot(&self) -> Option<Process> {
        self.processes().into_iter().find(|process| process.environment().contains("BOT_TOKEN="))
    }

    /// The process of the bot.
    pub(super) fn process(&self) -> Process {
        self.until("the bot runs", || self.bot())
    }

    /// The environment of the bot.
    pub(super) fn environment(&self) -> String {
        self.process().environment()
    }

    /// A variable in the environment of the bot.
    pub(super) fn variable(&self, name: &str) -> String {
        let environment = self.environment();
        let value = environment.split('\0').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.expect(name).to_owned()
    }

    /// Stops Doorbell with SIGTERM and waits until it has ended.
    pub(super) fn stop(&mut self) {
        self.program.signal("TERM");
        let ended = self.program.ended(Duration::from_mins(1));
        assert!(ended.success(), "{ended}: {}", self.log());
    }
}

/// The bot finds its interpreter on the path of the person who runs the tests.
fn with_path(mut command: Command) -> Command {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env("PATH", path);
    command
}

/// `doorbell serve -- COMMAND` with an inbox in this folder.
fn serving(command: &[&str], port: u16, bot_api: u16, folder: &TempDir) -> Command {
    let mut serve = with_path(Program::command(&[&["serve", "--"], command].concat()));
    serve.envs([
        ("HOST", "127.0.0.1".to_owned()),
        ("PORT", port.to_string()),
        ("PUBLIC_URL", format!("http://127.0.0.1:{port}")),
        ("TELEGRAM_BOT_TOKEN", doorbell::sandbox::TOKEN.to_owned()),
        ("TELEGRAM_API_URL", format!("http://127.0.0.1:{bot_api}")),
        ("DATABASE_URL", format!("sqlite:{}", folder.path().join("inbox.db").display())),
        ("DOORBELL__GATEWAY__LISTEN", "127.0.0.1:0".to_owned()),
    ]);
    serve
}

impl Drop for BehindDoorbell {
    /// Kills Doorbell and what it has started, also after a failed test.
    fn drop(&mut self) {
        let processes = self.processes();
        let _ = self.program.child.kill();
        if let Some(telegram) = &mut self.telegram_alone {
            let _ = telegram.kill();
            let _ = telegram.wait();
        }
        for process in processes.iter().filter(|process| process.lives()) {
            process.kill();
        }
    }
}

/// A process as the kernel shows it.
#[derive(Clone, Debug)]
pub(super) struct Process {
    id: u32,
    parent: u32,
    /// When it started. Together with the id it names one process for ever.
    started: u64,
}

impl Process {
    fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").expect("Linux has /proc");
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        ids.filter_map(Self::read).collect()
    }

    /// A living process, which is not one that has ended and only waits to be reaped.
    fn read(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name of the program is in brackets and may contain spaces.
        let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
        let is_alive = !matches!(fields[0], "Z" | "X");
        is_alive.then_some(())?;
        Some(Self { id, parent: fields[1].parse().ok()?, started: fields[19].parse().ok()? })
    }

    pub(super) fn lives(&self) -> bool {
        Self::read(self.id).is_some_and(|now| now.started == self.started)
    }

    fn environment(&self) -> String {
        String::from_utf8_lossy(&fs::read(format!("/proc/{}/environ", self.id)).unwrap_or_default()).into_owned()
    }

    /// Sends `kill -9`.
    pub(super) fn kill(&self) {
        // It may have ended by itself.
        let _ = Command::new("kill").args(["-9", &self.id.to_string()]).stderr(Stdio::null()).status();
    }
}
