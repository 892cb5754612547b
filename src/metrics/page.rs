use std::fmt::{Display, Write};
use std::time::Duration;

use super::Moment;
use crate::telemetry::{Counter, Family, Histogram, Label, Measured};

/// Version 0.0.4 of the text form: names, values and a line of help.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// One metric: what it is called, what it says, and where it is read.
pub struct Metric {
    /// Its name, which ends in its unit and, of a counter, in `_total`.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// In what it is measured.
    pub unit: Unit,
    /// What it says, in a sentence.
    pub help: &'static str,
    pub(super) read: fn(&Moment<'_>, &mut Samples<'_>),
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Up only, from the start of the service.
    Counter,
    /// Up and down.
    Gauge,
    /// A counter for each of a row of bounds.
    Histogram,
}

/// In what a metric is measured. Only base units, as Prometheus has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Things that the name names.
    Things,
}

/// The whole page.
pub(super) fn written(list: &[Metric], moment: &Moment<'_>) -> String {
    let mut text = String::with_capacity(32 * 1024);
    for metric in list {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let name = metric.name;
        write(&mut text, format_args!("# HELP {name} {}\n# TYPE {name} {kind}\n", metric.help));
        (metric.read)(moment, &mut Samples { name, text: &mut text });
    }
    text
}

/// Where a metric writes what it says now. Values of labels are written as they are: all come from the
/// program, and none has a quote, a backslash or a line end in it.
pub(super) struct Samples<'a> {
    name: &'static str,
    text: &'a mut String,
}

impl Samples<'_> {
    /// The value of a metric without labels.
    pub(super) fn value(&mut self, value: impl Display) {
        self.sample("", &[], value);
    }

    /// The value, if it is known.
    pub(super) fn known(&mut self, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(value);
        }
    }

    /// The value for one value of a label.
    pub(super) fn of(&mut self, label: &'static str, name: &'static str, value: impl Display) {
        self.sample("", &[(label, name)], value);
    }

    pub(super) fn counters<L: Label>(&mut self, label: &'static str, family: &Family<L, Counter>) {
        for (of, counter) in family.iter() {
            self.of(label, of.name(), counter.total());
        }
    }

    pub(super) fn counters_by<L: Label, M: Label>(
        &mut self,
        labels: [&'static str; 2],
        family: &Family<L, Family<M, Counter>>,
    ) {
        let [outer, inner] = labels;
        for (of, family) in family.iter() {
            for (and, counter) in family.iter() {
                self.sample("", &[(outer, of.name()), (inner, and.name())], counter.total());
            }
        }
    }

    pub(super) fn histograms<L: Label>(&mut self, label: &'static str, family: &Family<L, Histogram>) {
        for (of, histogram) in family.iter() {
            self.buckets(&[(label, of.name())], histogram);
        }
    }

    pub(super) fn histogram(&mut self, histogram: &Histogram) {
        self.buckets(&[], histogram);
    }

    fn buckets(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let shown = |value: u64| match histogram.measured() {
            Measured::Spans => Duration::from_nanos(value).as_secs_f64().to_string(),
            Measured::Sizes => value.to_string(),
        };
        let mut total = 0;
        for (bound, up_to) in histogram.up_to() {
            let le = bound.map_or_else(|| "+Inf".to_owned(), shown);
            self.sample("_bucket", &[labels, &[("le", &le)]].concat(), up_to);
            total = up_to;
        }
        self.sample("_sum", labels, shown(histogram.sum()));
        self.sample("_count", labels, total);
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        write(self.text, format_args!("{}{suffix}", self.name));
        for (place, (label, name)) in labels.iter().enumerate() {
            let before = if place == 0 { '{' } else { ',' };
            write(self.text, format_args!("{before}{label}=\"{name}\""));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        write(self.text, format_args!("{after} {value}\n"));
    }
}

fn write(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a text takes whatever is written");
}
