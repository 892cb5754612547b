use crate::inbox::Accepted;
use crate::telemetry::label;

label! {
    /// What the response to a request said.
    pub enum Outcome as "outcome" {
        /// 200: the update was stored.
        Stored = "stored",
        /// 200: the update was known already.
        Known = "known",
        /// 4xx: the request is not valid.
        Refused = "refused",
        /// 503: the update could not be stored. Telegram offers it again.
        Unavailable = "unavailable",
    }
}

label! {
    /// Why an update was acknowledged.
    pub enum Acknowledged as "outcome" {
        /// It was stored by this request.
        Stored = "stored",
        /// It was known already.
        Known = "known",
    }
}

impl From<Accepted> for Acknowledged {
    fn from(accepted: Accepted) -> Self {
        match accepted {
            Accepted::Stored => Self::Stored,
            Accepted::Known => Self::Known,
        }
    }
}

label! {
    /// Why a request was not acknowledged.
    pub enum Reason as "reason" {
        /// The secret token was missing or wrong.
        Secret = "secret",
        /// The address was not Telegram's, and `webhook.source_check` is `enforce`.
        Source = "source",
        /// The length was missing.
        NoLength = "no_length",
        /// The body was longer than it may be.
        TooLarge = "too_large",
        /// The body was compressed.
        Encoded = "encoded",
        /// The client asked first whether it may send (`Expect`).
        Expectation = "expectation",
        /// The body ended early.
        BrokenOff = "broken_off",
        /// The body did not arrive in time.
        TooSlow = "too_slow",
        /// The body was not an update.
        NotAnUpdate = "not_an_update",
        /// The memory for bodies was used up.
        Overloaded = "overloaded",
        /// The inbox was full.
        Full = "full",
        /// The inbox could not store the update.
        NotStored = "not_stored",
        /// The update was not handled in time, where it is acknowledged only after that (`memory:`).
        NotHandled = "not_handled",
    }
}

impl Reason {
    /// The outcome that the response states.
    #[must_use]
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Secret
            | Self::Source
            | Self::NoLength
            | Self::TooLarge
            | Self::Encoded
            | Self::Expectation
            | Self::BrokenOff
            | Self::TooSlow
            | Self::NotAnUpdate => Outcome::Refused,
            Self::Overloaded | Self::Full | Self::NotStored | Self::NotHandled => Outcome::Unavailable,
        }
    }
}
