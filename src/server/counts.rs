use crate::telemetry::{Counter, Family, Registry, label};

/// Connections, since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that came.
    pub opened: Counter,
    /// Connections that went.
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

    /// How many there are now.
    #[must_use]
    pub fn open(&self) -> u64 {
        let closed = self.closed.iter().map(|(_, counter)| counter.get()).sum();
        self.opened.get().saturating_sub(closed)
    }
}

label! {
    /// Why a connection went.
    pub enum Closed as "reason" {
        /// It came to its end, by the client's doing or with the service.
        Ended = "ended",
        /// A request's head took too long.
        Head = "head",
        /// A request took too long to be answered.
        Work = "work",
        /// There was no request for too long.
        Idle = "idle",
        /// The client did not take its answer.
        Answer = "answer",
        /// The client went on sending after the last answer.
        Linger = "linger",
        /// It made room for a newcomer.
        Room = "room",
        /// It was the newcomer, and nobody could make room.
        Full = "full",
    }
}
