//! Turns an update into Bot API calls, which are data. A handler does not make the calls: dispatch does.

mod commands;
mod contract;
pub mod forward;

pub use commands::{Commands, TemplateProblem};
pub use contract::{Capacity, Context, Handler, HandlerError, Trigger};
