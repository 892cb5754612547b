//! Stores updates in a PostgreSQL database that many instances share.
//!
//! A small table holds the chats that have something to do. A claim locks the row of a chat only briefly and writes a
//! lease into it: an end on the clock of the database, and a fencing token that the settlement must show. So at most one
//! update of a chat is claimed at a time, over all instances. Correctness needs nothing but these rows: no session, no
//! notification, no memory of an instance.
//!
//! While dispatch waits, the transaction that stores an update also claims it, and the update is handed over in memory.
//!
//! An instance has at most `inbox.max_connections` connections. It listens for other instances on one of them. Accepting,
//! settling, claiming, and everything else that no update waits for, take turns on the others where there are fewer than
//! four.

mod accept;
mod availability;
mod batch;
mod browse;
mod claim;
mod connect_options;
mod connection;
mod database;
mod dead_letters;
mod dropping;
mod errors;
mod handover;
mod held_leases;
mod hurry;
mod listener;
mod named_values;
mod pages;
mod pool;
mod row;
mod schema;
mod settle;
mod shared;
mod sql;
mod store;

pub(super) use schema::Access;
pub(super) use store::PostgresInbox;
