//! Your own bot as a handler: it receives each update over HTTP, as Telegram would send it, and its answer decides what
//! happens next. While it is away, updates wait in the inbox and lose no attempt.

mod address;
mod answer;
mod availability;
mod bot_url;
mod client;
mod counts;
mod destination;
mod engine;
mod handle;
mod misconfigured;
mod reply;
mod request;
mod status;
mod suspects;
mod target;
mod trouble;
mod visit;
mod watch;

pub use address::address_of;
pub use counts::{Counts, ForwardOutcome};
pub use engine::{Deps, Forward};
pub use status::{BotStatus, BotStatusName};
pub use target::{Target, Targets};
