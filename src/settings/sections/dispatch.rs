use std::time::Duration;

use schemars::JsonSchema;

use crate::humanize;
use crate::settings::problem::Refusal;
use crate::settings::reader::{Reader, YEAR};

/// `[dispatch]`: how updates are handled.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DispatchSettings {
    /// How many updates are handled at once, at most one per chat.
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrency: usize,
    /// The time limit of one run of the handler.
    #[schemars(with = "String")]
    pub handler_timeout: Duration,
    /// How many attempts an update has before it becomes a dead-letter update.
    #[schemars(range(min = 1, max = 1000))]
    pub attempts: u32,
    /// The delays between the attempts.
    pub backoff: BackoffSettings,
}

/// `[dispatch.backoff]`: the delay before the next attempt, doubled each time.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct BackoffSettings {
    /// The delay after the first failure.
    #[schemars(with = "String")]
    pub first: Duration,
    /// The longest delay.
    #[schemars(with = "String")]
    pub longest: Duration,
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl DispatchSettings {
    pub(in crate::settings) fn read(from: &mut Reader) -> Self {
        Self {
            concurrency: from.whole("dispatch.concurrency", 1..=10_000),
            handler_timeout: from.duration("dispatch.handler_timeout", MILLISECOND..=YEAR),
            attempts: from.whole("dispatch.attempts", 1..=1000),
            backoff: BackoffSettings::read(from),
        }
    }
}

impl BackoffSettings {
    fn read(from: &mut Reader) -> Self {
        let first = from.duration("dispatch.backoff.first", MILLISECOND..=YEAR);
        let longest = from.duration("dispatch.backoff.longest", MILLISECOND..=YEAR);
        if longest < first {
            let wanted = format!("no less than dispatch.backoff.first, {}", humanize::duration(first));
            from.refuse("dispatch.backoff.longest", wanted, Refusal::default());
        }
        Self { first, longest }
    }
}
