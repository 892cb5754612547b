//! doc

pub mod clock;
pub mod handler;
pub mod inbox;
pub mod lifecycle;
pub mod settings;
pub mod telegram;
pub mod update;
