//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

mod harness;

mod answered;
mod crash;
mod house;
mod once_and_in_order;
mod registered;
