use std::time::Duration;

use schemars::JsonSchema;

use super::order;
use crate::humanize;
use crate::settings::problem::Refusal;
use crate::settings::reader::{Reader, YEAR};
use crate::update::{Kind, Order, OrderBy};

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
    /// Which updates wait for which, and which do not wait.
    #[schemars(flatten, with = "OrderKeys")]
    pub order: Order,
    /// For kinds of updates, the age from which they are not handled any more.
    #[schemars(with = "Vec<String>")]
    pub max_age: Vec<(Kind, Duration)>,
    /// The delays between the attempts.
    pub backoff: BackoffSettings,
}

/// The keys of an [`Order`].
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct OrderKeys {
    /// Which updates wait for each other.
    order: OrderBy,
    /// Commands, and beginnings of `callback_data`, that do not wait for the others of their chat.
    express: Vec<String>,
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
    /// Reads the section. `allowed_updates` are the kinds of updates that can arrive; all, if it is empty.
    pub(in crate::settings) fn read(from: &mut Reader, allowed_updates: &[String]) -> Self {
        Self {
            order: order::read(from, allowed_updates),
            max_age: order::max_age(from),
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
