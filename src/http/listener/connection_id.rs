use std::net::IpAddr;

use jiff::Timestamp;

/// A connection of the listener, among the extensions of its requests if [`Limits::streams`](super::Limits::streams) is
/// set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionId {
    /// The number of the connection, unique within the listener.
    pub number: u64,
    /// When the connection was accepted, by [`Clock::steady`](crate::clock::Clock::steady).
    pub opened: Timestamp,
}

/// The address at the other end of the connection, among the extensions of every request but those to the webhook: they
/// would pay for it with each update. It is a proxy's where there is one in front.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);
