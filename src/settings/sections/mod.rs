//! The sections: what each holds, and what will do for it.

pub(super) mod button;
pub(super) mod command;
pub(super) mod console;
pub(super) mod dispatch;
pub(super) mod inbox;
pub(super) mod log;
pub(super) mod outbound;
pub(super) mod reply;
pub(super) mod server;
mod table;
pub(super) mod telegram;
pub(super) mod traces;
pub(super) mod webhook;

use std::time::Duration;

/// No setting waits longer than a year.
const YEAR: Duration = Duration::from_hours(365 * 24);
