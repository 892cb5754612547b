//! The histograms that modules share, with their buckets.

use prometheus_client::metrics::histogram::Histogram;

/// Upper bounds in seconds: from the commit of a fast disk to the time limits of a handler and of a call (30 s).
const SECONDS: [f64; 17] =
    [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// Upper bounds of a number of updates. One PostgreSQL batch has at most 500; an SQLite commit has no limit.
const SIZES: [f64; 10] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0];

/// A histogram of durations, in seconds.
#[must_use]
pub fn durations() -> Histogram {
    Histogram::new(SECONDS)
}

/// A histogram of how many updates are processed together.
#[must_use]
pub fn sizes() -> Histogram {
    Histogram::new(SIZES)
}
