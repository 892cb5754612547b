//! Turns an update into Bot API calls, which are data. A handler does not make the calls: dispatch does.

mod commands;
mod contract;

pub use commands::{Commands, TemplateProblem};
pub use contract::{Handler, HandlerError};
