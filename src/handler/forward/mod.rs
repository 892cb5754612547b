//! Your own bot as a handler: it receives each update over HTTP, as Telegram would send it.

mod target;

pub use target::{Target, Targets};
