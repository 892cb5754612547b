//! The counters of the service, sampled every few seconds, for the charts of the last minutes.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use super::deps::Deps;
use crate::clock::elapsed;
use crate::inbox::VerdictKind;
use crate::telegram::MethodGroup;
use crate::telemetry::{self, Label};
use crate::webhook::{Acknowledged, Outcome};

/// The time between two samples.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// The most samples: the charts show the last five minutes.
const KEPT: usize = 61;

/// The latest samples.
#[derive(Default)]
pub(super) struct Samples(Mutex<VecDeque<Sample>>);

/// The counters at one moment.
struct Sample {
    /// In steady time.
    at: Timestamp,
    acknowledged: u64,
    handled: u64,
    /// How long the 200 took, the handler, and a call that sends a message.
    durations: [Vec<(f64, u64)>; 3],
}

/// What happened between two samples, one value for each interval. The oldest is the first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    /// Acknowledged updates per second.
    pub(super) acknowledged: Vec<f64>,
    /// Updates per second that were handled to their end.
    pub(super) handled: Vec<f64>,
    /// The time within which half of the requests were answered, and 99 of 100, in milliseconds. `None` where there were
    /// none.
    pub(super) answer: Quantiles,
    /// The same of the handler.
    pub(super) handler: Quantiles,
    /// The same of calls that send a message.
    pub(super) calls: Quantiles,
}

/// The median and the 99th percentile of each interval.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Quantiles {
    pub(super) median: Vec<Option<f64>>,
    pub(super) p99: Vec<Option<f64>>,
}

impl Samples {
    /// Takes a sample.
    pub(super) fn take(&self, deps: &Deps) {
        let (service, counts) = (&deps.service, deps.dispatch.counts());
        let webhook = &service.webhook_counts;
        let acknowledged = [Acknowledged::Stored, Acknowledged::Known].map(|kind| webhook.acknowledged.of(kind).get());
        let attempts = VerdictKind::ALL.iter().filter(|kind| is_an_end(**kind));
        let sample = Sample {
            at: service.clock.steady(),
            acknowledged: acknowledged.iter().sum(),
            handled: attempts.map(|kind| counts.attempts.of(*kind).get()).sum(),
            durations: [
                telemetry::buckets([webhook.answered.of(Outcome::Stored), webhook.answered.of(Outcome::Known)]),
                telemetry::buckets([&counts.handler]),
                telemetry::buckets([deps.api.counts().took.of(MethodGroup::Send)]),
            ],
        };
        let mut samples = self.0.lock();
        if samples.len() == KEPT {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// What happened between the samples.
    pub(super) fn history(&self) -> History {
        let samples = self.0.lock();
        let mut history = History::default();
        for (before, after) in samples.iter().zip(samples.iter().skip(1)) {
            let seconds = elapsed(before.at, after.at).as_secs_f64().max(0.001);
            #[expect(clippy::cast_precision_loss, reason = "an interval has far fewer than 2^52 updates")]
            let rate = |before: u64, after: u64| after.saturating_sub(before) as f64 / seconds;
            history.acknowledged.push(rate(before.acknowledged, after.acknowledged));
            history.handled.push(rate(before.handled, after.handled));
            let quantiles = [&mut history.answer, &mut history.handler, &mut history.calls];
            for ((of, before), after) in quantiles.into_iter().zip(&before.durations).zip(&after.durations) {
                of.median.push(quantile(before, after, 50));
                of.p99.push(quantile(before, after, 99));
            }
        }
        history
    }
}

/// Whether an attempt with this verdict is the last one of its update.
fn is_an_end(kind: VerdictKind) -> bool {
    matches!(kind, VerdictKind::Done | VerdictKind::Dead | VerdictKind::Expired)
}

/// The upper bound, in milliseconds, of the bucket in which this percentage of the values between two samples is reached.
fn quantile(before: &[(f64, u64)], after: &[(f64, u64)], percent: u64) -> Option<f64> {
    let count = |index: usize| after[index].1.saturating_sub(before.get(index).map_or(0, |(_, count)| *count));
    let total = after.len().checked_sub(1).map(count).filter(|total| *total > 0)?;
    let reached = (0..after.len()).find(|index| count(*index) * 100 >= total * percent)?;
    // Beyond the last bound, that bound is the most that is known.
    let bound = if after[reached].0.is_finite() { after[reached].0 } else { after[reached.checked_sub(1)?].0 };
    Some(bound * 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let before = [(0.001, 10), (0.01, 10), (f64::INFINITY, 10)];
        let after = [(0.001, 60), (0.01, 109), (f64::INFINITY, 110)];
        assert_eq!(quantile(&before, &after, 50), Some(1.0));
        assert_eq!(quantile(&before, &after, 99), Some(10.0));
        assert_eq!(quantile(&before, &after, 100), Some(10.0), "more is not known");
        assert_eq!(quantile(&after, &after, 50), None);
        assert_eq!(quantile(&[], &[], 50), None);
    }
}
