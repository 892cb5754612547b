//! Tests of the promises through the real program: `App::build` on a free port, with our own sandbox as Telegram.

#![expect(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a panic fails the test and shows its line; `pub` means visible to the other tests"
)]

mod harness;
mod promises;

mod answered;
mod clocks;
mod command_line;
mod completions;
mod crash;
mod database_away;
mod database_errors;
mod database_rules;
mod dead_updates;
mod deploy;
mod disk;
mod doctor;
mod documents;
mod echo_example;
mod front_door;
mod front_door_close;
mod front_door_slow;
mod front_door_wire;
mod front_page;
mod health;
mod hostile;
mod house;
mod inbox_contract;
mod instances;
mod log;
mod lost_answers;
mod metrics;
mod once_and_in_order;
mod one_bad_update;
mod outward_proxy;
mod ownership;
mod places;
mod platforms;
mod pooler;
mod refused_calls;
mod refused_starts;
mod registered;
mod replies_are_kept;
mod sandbox_command;
mod secrets;
mod settings_errors;
mod stalled;
mod stopping;
mod storms;
mod supervised;
mod traces;
mod two_bots;
mod webhook_repair;
