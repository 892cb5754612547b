use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts events since the start. Costs one addition; the order between two counters means nothing.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more; says how many there were before.
    pub fn count(&self) -> u64 {
        self.add(1)
    }

    /// So many more; says how many there were before.
    pub fn add(&self, events: u64) -> u64 {
        self.0.fetch_add(events, Ordering::Relaxed)
    }

    /// How many so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a histogram is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Spans of time, in nanoseconds here and in seconds outside.
    Spans,
    /// Numbers of things.
    Sizes,
}

/// From the quickest commit of a good disk to the longest handler (30 s) and call (30 s), in
/// nanoseconds.
const SPANS: [u64; 17] = [
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    200_000_000,
    500_000_000,
    1_000_000_000,
    2_000_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];
/// PostgreSQL takes 500 at once, SQLite as many as there are.
const SIZES: [u64; 10] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

/// How often something was how large. Costs a search among a few numbers and two additions; there is
/// no lock.
#[derive(Debug)]
pub struct Histogram {
    measured: Measured,
    /// One for each bound and one for what is larger, each without those before it.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// Of spans of time.
    #[must_use]
    pub fn of_spans() -> Self {
        Self::new(Measured::Spans)
    }

    /// Of numbers of things.
    #[must_use]
    pub fn of_sizes() -> Self {
        Self::new(Measured::Sizes)
    }

    fn new(measured: Measured) -> Self {
        let buckets = (0..=measured.bounds().len()).map(|_| AtomicU64::default()).collect();
        Self { measured, buckets, sum: AtomicU64::default() }
    }

    /// Adds a span.
    pub fn took(&self, span: Duration) {
        self.observe(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds a number.
    pub fn held(&self, things: usize) {
        self.observe(things as u64);
    }

    fn observe(&self, value: u64) {
        let bucket = self.measured.bounds().partition_point(|bound| *bound < value);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// What it is of.
    #[must_use]
    pub fn measured(&self) -> Measured {
        self.measured
    }

    /// How many there were up to each bound, and how many in all last.
    pub fn up_to(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = self.measured.bounds().iter().copied().map(Some).chain([None]);
        bounds.zip(&self.buckets).scan(0, |total, (bound, bucket)| {
            *total += bucket.load(Ordering::Relaxed);
            Some((bound, *total))
        })
    }

    /// How many there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// All of them together.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

impl Measured {
    fn bounds(self) -> &'static [u64] {
        match self {
            Self::Spans => &SPANS,
            Self::Sizes => &SIZES,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket_and_each_bucket_holds_those_before_it() {
        let sizes = Histogram::of_sizes();
        for size in [0, 1, 2, 3, 1_000, 1_001] {
            sizes.held(size);
        }
        let up_to: Vec<_> = sizes.up_to().collect();
        assert_eq!(up_to[..4], [(Some(1), 2), (Some(2), 3), (Some(5), 4), (Some(10), 4)]);
        assert_eq!(up_to[9..], [(Some(1_000), 5), (None, 6)]);
        assert_eq!((sizes.total(), sizes.sum()), (6, 2_007));
    }

    #[test]
    fn a_span_is_kept_to_the_nanosecond() {
        let spans = Histogram::of_spans();
        spans.took(Duration::from_micros(100));
        spans.took(Duration::from_nanos(100_001));
        assert_eq!(spans.up_to().take(2).map(|(_, total)| total).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(spans.sum(), 200_001);
    }
}
