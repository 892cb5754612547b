use schemars::JsonSchema;

use crate::settings::reader::Reader;

/// `[outbound]`: limits of calls to the Bot API, in addition to the delays that Telegram asks for.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct OutboundSettings {
    /// The limit of concurrent calls.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_in_flight: usize,
    /// The limit of calls per second; `None` means no limit.
    #[schemars(with = "f64")]
    pub per_second: Option<f64>,
    /// The limit of calls per second to one chat; `None` means no limit.
    #[schemars(with = "f64")]
    pub per_chat_per_second: Option<f64>,
    /// How often a call is sent at most while its outcome is unknown.
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
