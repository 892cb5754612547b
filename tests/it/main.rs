//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

mod harness;

mod answered;
mod command_line;
mod crash;
mod dead_updates;
mod doctor;
mod documents;
mod healing;
mod house;
mod inbox_contract;
mod instances;
mod once_and_in_order;
mod ownership;
mod registered;
mod secrets;
mod settings_errors;
