//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

mod harness;

mod answered;
mod crash;
mod dead_updates;
mod disk;
mod house;
mod inbox_contract;
mod instances;
mod once_and_in_order;
mod registered;
