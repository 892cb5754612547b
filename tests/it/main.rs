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
mod bot_instances;
mod bot_seen;
mod browse_speed;
mod child;
mod clocks;
mod command_line;
mod completions;
mod concurrency;
mod connection_close;
mod console;
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
mod express;
mod forward;
mod frameworks;
mod front_page;
mod gateway;
mod handler_calls;
mod handover;
mod health;
mod import_circles;
mod inbox_contract;
mod instances;
mod log;
mod lost_answers;
mod malformed_input;
mod metrics;
mod module_rules;
mod once_and_in_order;
mod one_bad_update;
mod outward_proxy;
mod ownership;
mod pages;
mod platforms;
mod pooler;
mod refused_calls;
mod refused_starts;
mod registered;
mod replies_are_kept;
mod request_framing;
mod same_sentence;
mod sandbox_command;
mod sandbox_page;
mod secrets;
mod settings_errors;
mod slow_clients;
mod stalled;
mod stopping;
mod storms;
mod supervised;
mod traces;
mod trail;
mod two_bots;
mod webhook_repair;
mod webhook_responses;
