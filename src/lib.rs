//! doc

pub mod cli;
pub mod clock;
pub mod handler;
pub mod lifecycle;
pub mod registrar;
pub mod settings;
pub mod telegram;
pub mod update;
