//! Registers the webhook at Telegram, watches it, repairs it, and explains what happens to it.
//!
//! It never calls `deleteWebhook`, not even when the service stops: its next version is registered by then.
//!
//! `step` decides what to do, as a pure function of a state, an observation and the time. [`Registrar`] performs it. The
//! meaning of Telegram's errors is a set of tables behind [`explain()`].

mod attempt;
mod control;
mod deliveries;
mod drift;
mod driver;
mod explain;
mod kinds;
mod rate;
mod register;
mod registration;
mod repair;
mod status;
mod step;
#[cfg(test)]
mod tests;
mod wanted;
mod watch;

pub use control::{Control, Happening, Observed};
pub use deliveries::{BACKLOG, RECENT, waiting};
pub use drift::{Drift, drift};
pub use driver::{Deps, Registrar};
pub use explain::{Explanation, explain};
pub use register::{Registered, register};
pub use status::{RefusedToken, Status, StatusName, WebhookHealth};
pub use wanted::{OffReason, TakeoverPolicy, WantedWebhook};
