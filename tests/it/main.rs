//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

mod harness;

mod answered;
mod doctor;
mod healing;
mod house;
mod once_and_in_order;
mod ownership;
mod registered;
