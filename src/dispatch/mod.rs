//! Hands updates to the handler: chats in parallel, the updates of one chat in order. Each attempt has a time
//! limit, and its outcome is recorded in the inbox.

mod attempt;
mod calls;
mod capacity;
mod claim;
mod counts;
mod engine;
mod lease_clock;
mod maintenance;
mod pause;
mod pending_calls;
mod running;
mod schedule;
mod settle;
mod spans;
mod steps;

pub use counts::{Counts, GiveUpReason};
pub use engine::{Deps, Dispatch};
pub use pause::{Handling, Pause};
