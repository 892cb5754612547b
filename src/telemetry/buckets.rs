//! Reads a histogram back, for the charts of the console.

use prometheus_client::encoding::prometheus_text;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// The buckets of histograms with the same bounds, added up: each upper bound with the number of values up to it.
///
/// The library only encodes a histogram, so the text is read. That takes microseconds and happens once in some seconds.
#[must_use]
pub fn buckets<'a>(histograms: impl IntoIterator<Item = &'a Histogram>) -> Vec<(f64, u64)> {
    let mut sum: Vec<(f64, u64)> = Vec::new();
    for histogram in histograms {
        let mut registry = Registry::default();
        registry.register("h", "A histogram", histogram.clone());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = prometheus_text::encode(&mut text, &registry);
        for (index, (bound, count)) in text.lines().filter_map(bucket).enumerate() {
            match sum.get_mut(index) {
                Some((_, total)) => *total += count,
                None => sum.push((bound, count)),
            }
        }
    }
    sum
}

/// The bound and the count of a line such as `h_bucket{le="0.5"} 3`.
fn bucket(line: &str) -> Option<(f64, u64)> {
    let (bound, count) = line.strip_prefix("h_bucket{le=\"")?.split_once("\"}")?;
    let bound = if bound == "+Inf" { f64::INFINITY } else { bound.parse().ok()? };
    Some((bound, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_of_two_histograms_are_added_up() {
        let histograms = [Histogram::new([0.5, 2.0]), Histogram::new([0.5, 2.0])];
        for (histogram, value) in [(0, 0.1), (0, 1.0), (1, 0.4), (1, 9.0)] {
            histograms[histogram].observe(value);
        }
        assert_eq!(buckets(&histograms), [(0.5, 2), (2.0, 3), (f64::INFINITY, 4)]);
        assert_eq!(buckets([]), []);
    }
}
