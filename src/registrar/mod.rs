//! Registers the webhook at Telegram, watches it, repairs it, and explains what happens to it.
//!
//! It never calls `deleteWebhook`, not even when the service stops: its next version is registered by then.
//!
//! `step` decides what to do, as a pure function of a state, an observation and the time. [`Registrar`] performs it. The
//! meaning of Telegram's errors is a set of tables behind [`explain()`].

mod attempt;
mod damage;
mod deliveries;
mod drift;
mod driver;
mod explain;
mod health;
mod rate;
mod register;
mod registration;
mod repair;
mod state;
mod status;
mod step;
mod takeover;
#[cfg(test)]
mod tests;
mod wanted;
mod watch;

pub use deliveries::waiting;
pub use drift::{Drift, drift};
pub use driver::{Deps, Registrar};
pub use explain::{Explanation, explain};
pub use health::WebhookHealth;
pub use register::{Registered, register};
pub use status::{OffReason, RefusedToken, Status, StatusName};
pub use takeover::TakeoverPolicy;
pub use wanted::WantedWebhook;
