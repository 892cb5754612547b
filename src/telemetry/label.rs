//! Labels of metrics, and one metric for each value of a label.

use std::fmt::{self, Debug, Formatter};
use std::marker::PhantomData;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::{MetricType, TypedMetric};

/// A label of a metric. All its values are known at compile time, so no id, name or text of a person can become one.
pub trait Label: Copy + 'static {
    /// The label's name in metrics and queries.
    const KEY: &'static str;
    /// Every value, in the order in which the series are listed.
    const ALL: &'static [Self];

    /// The value in metrics, queries and traces.
    fn name(self) -> &'static str;

    /// The index among [`Label::ALL`].
    fn index(self) -> usize;
}

/// Declares a label with its values, each with its name.
macro_rules! label {
    ($(#[$about:meta])* pub enum $label:ident as $key:literal { $($(#[$note:meta])* $value:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $label { $($(#[$note])* $value),+ }

        impl $crate::telemetry::Label for $label {
            const KEY: &'static str = $key;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use label;

/// The labels that distinguish the series of one [`Family`]: one label, or two.
pub trait Labels: Copy {
    /// Every combination of values, in the order of [`Labels::index`].
    fn all() -> impl Iterator<Item = Self>;

    /// The index among [`Labels::all`].
    fn index(self) -> usize;

    /// The labels with their values.
    fn set(self) -> impl EncodeLabelSet;
}

impl<L: Label> Labels for L {
    fn all() -> impl Iterator<Item = Self> {
        L::ALL.iter().copied()
    }

    fn index(self) -> usize {
        Label::index(self)
    }

    fn set(self) -> impl EncodeLabelSet {
        [(L::KEY, self.name())]
    }
}

impl<A: Label, B: Label> Labels for (A, B) {
    fn all() -> impl Iterator<Item = Self> {
        A::ALL.iter().flat_map(|a| B::ALL.iter().map(|b| (*a, *b)))
    }

    fn index(self) -> usize {
        self.0.index() * B::ALL.len() + self.1.index()
    }

    fn set(self) -> impl EncodeLabelSet {
        [(A::KEY, self.0.name()), (B::KEY, self.1.name())]
    }
}

/// One metric for each value of a label, all of them present from the start.
///
/// `prometheus-client` has a family of its own for labels whose values are found while the program runs. It looks each
/// one up in a map behind a lock; here it is an index.
#[derive(Clone)]
pub struct Family<L, M> {
    metrics: Arc<[M]>,
    labels: PhantomData<L>,
}

impl<L: Labels, M> Family<L, M> {
    /// Creates the metric of each value.
    #[must_use]
    pub fn of_each(metric: impl Fn() -> M) -> Self {
        Self { metrics: L::all().map(|_| metric()).collect(), labels: PhantomData }
    }

    /// The metric of one value.
    #[must_use]
    pub fn of(&self, labels: L) -> &M {
        &self.metrics[labels.index()]
    }

    /// Every metric with its value.
    pub fn iter(&self) -> impl Iterator<Item = (L, &M)> {
        L::all().zip(&*self.metrics)
    }
}

impl<L: Labels, M: Default> Default for Family<L, M> {
    fn default() -> Self {
        Self::of_each(M::default)
    }
}

impl<L: Labels, M: EncodeMetric + TypedMetric> EncodeMetric for Family<L, M> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, metric) in self.iter() {
            metric.encode(encoder.encode_family(&labels.set())?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        M::TYPE
    }
}

/// A counter for each value of a label that has very many values. Those that are 0 are not listed.
#[derive(Clone, Debug)]
pub struct Occurred<L>(Family<L, Counter>);

impl<L: Labels> Occurred<L> {
    /// The counter of one value.
    #[must_use]
    pub fn of(&self, labels: L) -> &Counter {
        self.0.of(labels)
    }
}

impl<L: Labels> Default for Occurred<L> {
    fn default() -> Self {
        Self(Family::default())
    }
}

impl<L: Labels> EncodeMetric for Occurred<L> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for (labels, counter) in self.0.iter().filter(|(_, counter)| counter.get() > 0) {
            counter.encode(encoder.encode_family(&labels.set())?)?;
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Counter
    }
}

impl<L, M> Debug for Family<L, M> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family").field("series", &self.metrics.len()).finish_non_exhaustive()
    }
}
