#![doc = include_str!("ARCHITECTURE.md")]

pub mod app;
pub mod cli;
pub mod clock;
pub mod dispatch;
pub mod handler;
pub mod health;
pub mod inbox;
pub mod lifecycle;
pub mod registrar;
pub mod sandbox;
pub mod server;
pub mod settings;
pub mod telegram;
pub mod telemetry;
pub mod update;
pub mod webhook;
