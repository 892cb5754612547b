//! The promises, each tried through the real program: `App::build` on a free port, with our own
//! sandbox as Telegram.

#[expect(unreachable_pub, reason = "`pub` here says: for the tests; a test binary has no other outside")]
mod harness;

mod answered;
mod command_line;
mod crash;
mod dead_updates;
mod disk;
mod doctor;
mod documents;
mod front_door;
mod front_door_slow;
mod front_door_wire;
mod healing;
mod house;
mod inbox_contract;
mod instances;
mod once_and_in_order;
mod ownership;
mod registered;
mod secrets;
mod settings_errors;
