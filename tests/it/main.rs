//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

mod harness;

mod answered;
mod front_door;
mod front_door_slow;
mod front_door_wire;
mod house;
mod once_and_in_order;
mod registered;
