//! The sections: what each contains, and which values are valid.

pub(super) mod console;
pub(super) mod dispatch;
pub(super) mod forward;
pub(super) mod gateway;
mod headers;
pub(super) mod inbox;
pub(super) mod log;
mod order;
pub(super) mod outbound;
pub(super) mod process;
pub(super) mod replies;
pub(super) mod server;
pub(super) mod telegram;
pub(super) mod traces;
pub(super) mod webhook;
