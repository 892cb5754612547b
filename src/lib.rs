//! doc

pub mod clock;
pub mod handler;
pub mod lifecycle;
pub mod sandbox;
pub mod settings;
pub mod telegram;
pub mod update;
