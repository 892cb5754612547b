//! The Bot API for a bot of your own: what it answers itself, and what it passes on to Telegram.

mod downloads;
mod harness;
mod methods;
mod passing;
mod polling;
mod process;
mod protocol;
mod seeded;
mod set_webhook;
mod set_webhook_forms;
mod slow_streams;
mod streams;
mod throttling;
mod tokens;
mod upstream;
mod webhook_rules;
