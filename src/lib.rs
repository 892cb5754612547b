//! doc

pub mod clock;
pub mod dispatch;
pub mod handler;
pub mod inbox;
pub mod lifecycle;
pub mod server;
pub mod settings;
pub mod telegram;
pub mod telemetry;
pub mod update;
pub mod webhook;
