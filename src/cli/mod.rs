//! One file per command.

pub mod webhook;
