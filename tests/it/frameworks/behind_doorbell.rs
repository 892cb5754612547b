//! A bot as the child of `doorbell sandbox`.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::installed::Installed;
use super::telegram::Telegram;
use crate::harness::{Program, free_port, until};

/// A large library can need a minute to start on a busy machine.
const DEADLINE: Duration = Duration::from_mins(3);

pub(super) struct BehindDoorbell {
    program: Program,
    pub(super) telegram: Telegram,
    /// Holds the log.
    folder: TempDir,
}

impl BehindDoorbell {
    /// Starts `doorbell sandbox -- COMMAND` and waits until the bot runs.
    pub(super) fn start(installed: &Installed) -> Self {
        let [port, bot_api] = [free_port(), free_port()];
        let ports = [port, bot_api].map(|port| port.to_string());
        let arguments = ["sandbox", "--port", &ports[0], "--bot-api-port", &ports[1], "--"];
        let mut command = Program::command(&[&arguments[..], installed.command].concat());
        #[expect(clippy::disallowed_methods, reason = "`node` is on the path of the person who runs the tests")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("PATH", path).current_dir(installed.folder.path());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = Program::spawn(command, port, &folder.path().join("log"));
        program.listens();
        let started = Self { program, telegram: Telegram(SocketAddr::from(([127, 0, 0, 1], bot_api))), folder };
        started.until("the bot runs", || started.bot().map(drop));
        started
    }

    /// Calls `look` until it returns a value. The log explains a failure.
    pub(super) fn until<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> T {
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| until(what, DEADLINE, look)));
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

impl Drop for BehindDoorbell {
    /// Kills Doorbell and what it has started, also after a failed test.
    fn drop(&mut self) {
        let processes = self.processes();
        let _ = self.program.child.kill();
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
