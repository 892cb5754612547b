use schemars::JsonSchema;

use crate::settings::reader::Reader;

/// `[outbound]`: how fast calls go to the Bot API, beside what Telegram itself asks for.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OutboundSettings {
    /// The most calls under way at once.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_in_flight: usize,
    /// The most calls a second; none for no cap.
    #[schemars(with = "f64")]
    pub per_second: Option<f64>,
    /// The most calls a second that go to one chat; none for no cap.
    #[schemars(with = "f64")]
    pub per_chat_per_second: Option<f64>,
    /// How often one call is sent at most, while its answers get lost.
    #[schemars(range(min = 1, max = 100))]
    pub unknown_outcome_attempts: u32,
}

impl OutboundSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self {
            max_in_flight: from.whole("outbound.max_in_flight", 1..=10_000),
            per_second: from.rate("outbound.per_second"),
            per_chat_per_second: from.rate("outbound.per_chat_per_second"),
            unknown_outcome_attempts: from.whole("outbound.unknown_outcome_attempts", 1..=100),
        }
    }
}
