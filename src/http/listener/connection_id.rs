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
