//! The process between Doorbell and the bot.
//!
//! It starts the bot in a process group of its own, adopts every process that the bot leaves behind, and reports how the bot
//! ended. When Doorbell is gone, it kills all of them. It ends when none is left. It decides nothing: Doorbell gives the
//! orders. If the guardian itself is killed, the system kills the bot (`become_command`).

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, kill_process_group, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::descendants;
use super::exit::{Exit, NOT_EXECUTABLE, NOT_FOUND};
use super::protocol::{Order, Report};
use crate::clock::{Clock, SystemClock};
use crate::lifecycle::{EndedChildren, survive_stop_signals};

/// The interval at which processes are killed again that were started meanwhile.
const KILL_AGAIN: Duration = Duration::from_millis(20);

/// The name of the hidden command that calls [`guard`].
pub const GUARD: &str = "__guard";
/// The name of the hidden command that calls [`become_command`].
pub const EXEC: &str = "__exec";

/// Is the guardian of this command until no process of it is left. Standard input is the socket to Doorbell.
///
/// # Errors
///
/// When the bot cannot be started.
pub async fn guard(command: &[OsString], this_program: &Path) -> io::Result<()> {
    survive_stop_signals()?;
    let mut ended = EndedChildren::listen()?;
    adopt_orphans()?;
    let doorbell = net::UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    doorbell.set_nonblocking(true)?;
    let mut doorbell = UnixStream::from_std(doorbell)?;
    let mut start = Command::new(this_program);
    start.arg(EXEC).arg(getpid().as_raw_nonzero().to_string()).arg("--").args(command);
    let bot = start.stdin(Stdio::null()).process_group(0).spawn()?;
    let mut bot = Bot { group: Pid::from_child(&bot), has_ended: false };
    report(&mut doorbell, &Report::Started(bot.group.as_raw_nonzero().get().unsigned_abs())).await;
    let mut kill = false;
    let mut orders = [0; 16];
    loop {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == bot.group => {
                    bot.has_ended = true;
                    report(&mut doorbell, &Report::Ended(exit(status))).await;
                }
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break,
                // There is no process left.
                Err(_) => return Ok(()),
            }
        }
        if kill {
            bot.signal(Signal::KILL);
        }
        tokio::select! {
            () = ended.next() => {}
            read = doorbell.read(&mut orders), if !kill => match read {
                Ok(length @ 1..) => for order in orders[..length].iter().copied().filter_map(Order::of) {
                    match order {
                        Order::Terminate => bot.signal(Signal::TERM),
                        Order::Kill => kill = true,
                    }
                },
                // Doorbell is gone.
                Ok(0) | Err(_) => kill = true,
            },
            () = SystemClock.sleep(KILL_AGAIN), if kill => {}
        }
    }
}

/// The bot, which leads its process group.
struct Bot {
    group: Pid,
    has_ended: bool,
}

impl Bot {
    /// Sends a signal to the group, and to the processes that have left the group. It does nothing to processes that have
    /// ended.
    fn signal(&self, signal: Signal) {
        let group = self.group.as_raw_nonzero().get();
        let others = descendants::of_this_process();
        // The number of an empty group may belong to another group by now.
        if !self.has_ended || others.iter().any(|process| process.group == group) {
            let _ = kill_process_group(self.group, signal);
        }
        for pid in others.into_iter().filter(|process| process.group != group).filter_map(descendants::Process::id) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// A failure means that Doorbell is gone, which the next read tells.
async fn report(doorbell: &mut UnixStream, report: &Report) {
    let _ = doorbell.write_all(report.line().as_bytes()).await;
}

fn exit(status: WaitStatus) -> Exit {
    let by_signal = status.terminating_signal().map(Exit::Signal);
    status.exit_status().map(Exit::Status).or(by_signal).unwrap_or(Exit::Unknown)
}

/// From now on a process below this one whose parent ends becomes a child of this one.
#[cfg(target_os = "linux")]
fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() -> io::Result<()> {
    Ok(())
}

/// Becomes the command. The system kills it when the guardian, which is its parent, is killed.
///
/// # Errors
///
/// The exit status of a shell for a command that cannot be run: it was not found, or cannot be executed.
pub fn become_command(command: &[OsString], guardian: i32) -> Result<Infallible, (u8, io::Error)> {
    let failed = |error: io::Error| {
        let status = if error.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE };
        (status, error)
    };
    die_with_parent().map_err(failed)?;
    // The guardian may have been killed before the line above.
    if getppid().is_none_or(|parent| parent.as_raw_nonzero().get() != guardian) {
        return Err(failed(io::Error::other("its guardian has ended")));
    }
    let (program, arguments) = command.split_first().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    Err(failed(Command::new(program).args(arguments).exec()))
}

#[cfg(target_os = "linux")]
fn die_with_parent() -> io::Result<()> {
    Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent() -> io::Result<()> {
    Ok(())
}
