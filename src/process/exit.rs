use std::fmt;
use std::io;
use std::sync::Arc;

/// The exit status with which a shell says that there is no such program.
pub(super) const NOT_FOUND: u8 = 127;
/// The exit status with which a shell says that a program cannot be executed.
pub(super) const NOT_EXECUTABLE: u8 = 126;

/// How your bot ended.
#[derive(Clone, Debug)]
pub enum Exit {
    /// With this exit status.
    Status(i32),
    /// By this signal.
    Signal(i32),
    /// Unknown: the guardian was killed, and the bot with it.
    Unknown,
    /// It did not start: the system could not start a process.
    NotStarted(Arc<io::Error>),
}

impl Exit {
    /// Whether the command itself cannot be run.
    pub(super) fn cannot_run(&self) -> bool {
        match self {
            Self::Status(status) => [NOT_FOUND, NOT_EXECUTABLE].map(i32::from).contains(status),
            Self::NotStarted(_) => true,
            Self::Signal(_) | Self::Unknown => false,
        }
    }

    /// A clause about the bot with what this end usually means.
    pub(super) fn clause(&self) -> String {
        format!("{self}: {}", self.explanation().unwrap_or("its last lines of output usually say why"))
    }

    /// What the way of ending usually means, if it says something.
    fn explanation(&self) -> Option<&'static str> {
        match self {
            Self::Status(status) if *status == i32::from(NOT_FOUND) => {
                Some("a program that the command starts was not found")
            }
            Self::Status(status) if *status == i32::from(NOT_EXECUTABLE) => {
                Some("a program that the command starts cannot be executed")
            }
            Self::Signal(SIGKILL) => Some("if nobody killed it, the system did because memory was short"),
            Self::Status(0) => Some("a bot in webhook mode runs until it is stopped; does it wait for updates?"),
            Self::Status(_) | Self::Signal(_) | Self::Unknown | Self::NotStarted(_) => None,
        }
    }
}

const SIGKILL: i32 = 9;

/// A clause about the bot, such as "ended with exit status 3".
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "ended with exit status {status}"),
            Self::Signal(number) => match signal_name(*number) {
                Some(name) => write!(f, "was ended by signal {number} ({name})"),
                None => write!(f, "was ended by signal {number}"),
            },
            Self::Unknown => f.write_str("was killed together with the process that guards it"),
            Self::NotStarted(error) => write!(f, "could not be started ({error})"),
        }
    }
}

fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        SIGKILL => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        _ => return None,
    })
}

/// Your bot could not be run at the start of the service.
#[derive(Clone, Debug, thiserror::Error)]
#[error("your bot cannot be run: the command \"{program}\" {exit}{}", said(last_line.as_deref()))]
pub struct CannotStart {
    /// The program of the command.
    pub program: String,
    /// How it ended.
    pub exit: Exit,
    /// The last line of its output.
    pub last_line: Option<String>,
}

impl CannotStart {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        if matches!(self.exit, Exit::NotStarted(_)) {
            "The system could not start a process. Check its limits on processes and memory."
        } else {
            "Exit status 127 means that a program was not found, 126 that it cannot be executed. Check the spelling of \
             the command after --, and the first line (#!) of a script."
        }
    }
}

fn said(last_line: Option<&str>) -> String {
    last_line.map(|line| format!(" after it wrote: {line}")).unwrap_or_default()
}
