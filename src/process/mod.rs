//! Runs your own bot as a child process: starts it, passes its output on, starts it again when it ends, and leaves no
//! process behind.
//!
//! Between Doorbell and the bot there is a small process, the guardian (`guardian`). It is this program again, with a hidden
//! command. It adopts every process that the bot starts, and kills all of them when Doorbell is gone, even after `kill -9`.

mod bot_process;
mod child;
mod command;
mod descendants;
mod environment;
mod exit;
mod guardian;
mod output;
mod port;
mod protocol;
mod redaction;
mod status;

pub use child::{Child, Deps, Killer};
pub use command::{Command, CommandError};
pub use environment::BotVariables;
pub use exit::{CannotStart, Exit};
pub use guardian::{EXEC, GUARD, become_command, guard};
pub use output::{Line, Output};
pub use port::{choose_port, port_is_open};
pub use status::ChildStatus;
