use crate::telemetry::{Counter, Family, Registry, label};

/// Counts connections since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that were accepted.
    pub opened: Counter,
    /// Connections that were closed, by reason.
    pub closed: Family<Closed, Counter>,
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("doorbell_connections_opened", "Connections that were accepted", self.opened.clone());
        registry.register(
            "doorbell_connections_closed",
            "Connections that were closed, by reason. ended is the usual one",
            self.closed.clone(),
        );
    }

    /// The number of open connections.
    #[must_use]
    pub fn open(&self) -> u64 {
        let closed = self.closed.iter().map(|(_, counter)| counter.get()).sum();
        self.opened.get().saturating_sub(closed)
    }
}

label! {
    /// Why a connection was closed.
    pub enum Closed as "reason" {
        /// The client closed it, or the service stopped.
        Ended = "ended",
        /// The head of a request took too long.
        Head = "head",
        /// The response to a request took too long.
        Work = "work",
        /// No request came for too long.
        Idle = "idle",
        /// The client did not read its response.
        Answer = "answer",
        /// The client went on sending after the last response.
        Linger = "linger",
        /// It was evicted in favour of a new connection.
        Room = "room",
        /// It was new, and no other connection could be evicted.
        Full = "full",
    }
}
