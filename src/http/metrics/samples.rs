use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::telemetry::Unit;

/// A metric's name without its unit, and the unit.
pub(super) type Name<'a> = (&'a str, Option<&'a Unit>);

/// Writes metrics with one value each. A value that is `None` has no sample.
pub(super) struct Samples<'a>(pub(super) DescriptorEncoder<'a>);

impl Samples<'_> {
    pub(super) fn gauge<N: EncodeGaugeValue>(
        &mut self,
        (name, unit): Name<'_>,
        help: &str,
        value: Option<N>,
    ) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let encoder = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| ConstGauge::new(value).encode(encoder))
    }

    pub(super) fn counter<N: EncodeCounterValue>(
        &mut self,
        (name, unit): Name<'_>,
        help: &str,
        value: Option<N>,
    ) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        let encoder = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        value.map_or(Ok(()), |value| ConstCounter::new(value).encode(encoder))
    }

    /// Writes one gauge for each value of a label.
    pub(super) fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (label_value, value) in values {
            ConstGauge::new(value).encode(encoder.encode_family(&[(label, label_value)])?)?;
        }
        Ok(())
    }
}
