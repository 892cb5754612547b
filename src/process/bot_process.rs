use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdout};

use super::command::Command;
use super::environment::BotVariables;
use super::exit::Exit;
use super::guardian::GUARD;
use super::protocol::{Order, Report};

/// A running bot and its guardian, as Doorbell sees them. When this is dropped, the guardian kills all processes of the bot.
pub(super) struct BotProcess {
    guardian: Child,
    socket: BufReader<UnixStream>,
    /// The part of a report that was read so far.
    line: Vec<u8>,
    group: Option<Pid>,
    exit: Option<Exit>,
}

/// What the bot writes.
pub(super) struct Pipes {
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

impl BotProcess {
    /// Starts the guardian, which starts the bot.
    pub(super) fn start(command: &Command, bot: &BotVariables) -> io::Result<(Self, Pipes)> {
        let (ours, theirs) = net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut guardian = tokio::process::Command::new(&command.helper);
        guardian.arg0(env!("CARGO_PKG_NAME")).arg(GUARD).arg("--").args(&command.words);
        guardian.env_clear().envs(bot.environment(&command.inherited));
        // A signal of the terminal, such as Ctrl-C, reaches Doorbell only.
        guardian.process_group(0).stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut guardian = guardian.spawn()?;
        let lost = || io::Error::other("a pipe is missing");
        let pipes = Pipes {
            stdout: guardian.stdout.take().ok_or_else(lost)?,
            stderr: guardian.stderr.take().ok_or_else(lost)?,
        };
        let socket = BufReader::new(UnixStream::from_std(ours)?);
        Ok((Self { guardian, socket, line: Vec::new(), group: None, exit: None }, pipes))
    }

    /// Returns the number of the bot's process when it was started. `None` if it could not be.
    pub(super) async fn started(&mut self) -> Option<u32> {
        match self.report().await? {
            Report::Started(pid) => Some(pid),
            Report::Ended(_) => None,
        }
    }

    /// Returns how the bot ended. Other processes that it started may still run.
    pub(super) async fn ended(&mut self) -> Exit {
        loop {
            if let Some(exit) = &self.exit {
                return exit.clone();
            }
            match self.report().await {
                Some(Report::Ended(exit)) => self.exit = Some(exit),
                Some(Report::Started(_)) => {}
                None => self.exit = Some(self.lost_its_guardian()),
            }
        }
    }

    /// Returns when the bot and all processes that it started have ended.
    pub(super) async fn all_ended(&mut self) -> Exit {
        let exit = self.ended().await;
        while self.report().await.is_some() {}
        // Where orphans are reaped, its status may have been taken. It says nothing.
        let _ = self.guardian.wait().await;
        exit
    }

    /// Asks the bot to end.
    pub(super) async fn terminate(&mut self) {
        self.order(Order::Terminate).await;
    }

    /// Kills the bot and all processes that it started.
    pub(super) async fn kill(&mut self) {
        self.order(Order::Kill).await;
    }

    /// A guardian that is gone needs no order.
    async fn order(&mut self, order: Order) {
        let _ = self.socket.get_mut().write_all(&[order.byte()]).await;
    }

    /// The next report. `None` when the guardian has ended. If this is cancelled, nothing is lost.
    async fn report(&mut self) -> Option<Report> {
        match self.socket.read_until(b'\n', &mut self.line).await {
            Ok(1..) => {
                let line = std::mem::take(&mut self.line);
                let report = Report::of(&String::from_utf8_lossy(&line));
                if let Some(Report::Started(pid)) = report {
                    self.group = i32::try_from(pid).ok().and_then(Pid::from_raw);
                }
                report
            }
            Ok(0) | Err(_) => None,
        }
    }

    /// The system has killed the bot with its guardian, but not what the bot started.
    fn lost_its_guardian(&self) -> Exit {
        let Some(group) = self.group else {
            return Exit::NotStarted(io::Error::other("the process that guards it has ended").into());
        };
        let _ = kill_process_group(group, Signal::KILL);
        Exit::Unknown
    }
}
