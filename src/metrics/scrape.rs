use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeCounterValue, EncodeGaugeValue, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::Metrics;
use super::process::Process;
use crate::clock::elapsed;
use crate::inbox::Survey;
use crate::registrar::{StatusName, WebhookHealth};
use crate::telemetry::{self, Label, Unit};

/// What is known at one scrape. An unknown value has no sample.
#[derive(Debug)]
pub(super) struct Scrape {
    now: Timestamp,
    steady: Timestamp,
    started_at: Timestamp,
    survey: Option<Survey>,
    capacity: usize,
    registration: StatusName,
    webhook_health: WebhookHealth,
    connections: u64,
    connections_limit: usize,
    process: Process,
}

impl Scrape {
    pub(super) async fn of(metrics: &Metrics) -> Self {
        Self {
            survey: metrics.survey_cache.survey().await.ok(),
            now: metrics.clock.now(),
            steady: metrics.clock.steady(),
            started_at: metrics.started_at,
            capacity: metrics.capacity,
            registration: metrics.registration.borrow().name(),
            webhook_health: metrics.webhook_health.borrow().clone(),
            connections: metrics.connections.open(),
            connections_limit: metrics.connections_limit,
            process: Process::look(),
        }
    }

    fn inbox(&self, to: &mut Samples<'_>) -> fmt::Result {
        let usable = u64::from(self.survey.is_some());
        to.gauge(
            ("doorbell_inbox_usable", None),
            "1 when the inbox says what it holds, 0 when it cannot; then its depth and age are left out.",
            Some(usable),
        )?;
        let states = self.survey.map(|it| [("waiting", it.waiting), ("held", it.held), ("dead", it.dead)]);
        to.gauges(
            "doorbell_inbox_updates",
            "Updates in the inbox, by state. Instances that share a database all show the same.",
            "state",
            states.into_iter().flatten(),
        )?;
        to.gauge(
            ("doorbell_inbox_capacity", None),
            "The most updates that may wait, be held or be dead.",
            Some(self.capacity as u64),
        )?;
        let age = |oldest| elapsed(oldest, self.steady).as_secs_f64();
        to.gauge(
            ("doorbell_inbox_oldest_age", Some(&Unit::Seconds)),
            "Age of the oldest update that waits or is held; 0 when there is none.",
            self.survey.map(|survey| survey.oldest.map_or(0.0, age)),
        )
    }

    fn registration(&self, to: &mut Samples<'_>) -> fmt::Result {
        to.gauges(
            "doorbell_registration_standing",
            "1 for the status of the registration, 0 for the others. active: Telegram delivers to this service.",
            StatusName::KEY,
            StatusName::ALL.iter().map(|name| (name.name(), u64::from(*name == self.registration))),
        )?;
        to.counter(
            ("doorbell_registration_heals", None),
            "How often the webhook was set again, because another program had removed or changed it.",
            Some(self.webhook_health.repairs),
        )?;
        to.gauge(
            ("doorbell_telegram_pending_updates", None),
            "Updates that wait at Telegram, as it said when it was last asked; left out before.",
            self.webhook_health.pending,
        )?;
        to.gauge(
            ("doorbell_telegram_last_error_age", Some(&Unit::Seconds)),
            "How long ago Telegram last failed to deliver, as it said when it was last asked; left out when it never did.",
            self.webhook_health.last_error_at.map(|error| elapsed(error, self.now).as_secs_f64()),
        )
    }

    fn process(&self, to: &mut Samples<'_>) -> fmt::Result {
        to.gauge(("doorbell_connections", None), "Open connections.", Some(self.connections))?;
        to.gauge(
            ("doorbell_connections_limit", None),
            "The most connections at once. Beyond it, the one with which least is lost is closed.",
            Some(self.connections_limit as u64),
        )?;
        to.counter(
            ("doorbell_log_lines_lost", None),
            "Lines of the log that were lost because standard error was not read in time.",
            Some(telemetry::lost_lines()),
        )?;
        to.gauges(
            "doorbell_build_info",
            "1, with the version of the program.",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1)],
        )?;
        to.gauge(
            ("doorbell_uptime", Some(&Unit::Seconds)),
            "How long ago the service started.",
            Some(elapsed(self.started_at, self.now).as_secs_f64()),
        )?;
        to.gauge(
            ("doorbell_process_resident_memory", Some(&Unit::Bytes)),
            "Memory in use. Like the following, it is left out where the system does not tell.",
            self.process.resident,
        )?;
        to.counter(
            ("doorbell_process_cpu", Some(&Unit::Seconds)),
            "Processor time used.",
            self.process.processor.map(|time| time.as_secs_f64()),
        )?;
        to.gauge(
            ("doorbell_process_open_descriptors", None),
            "File descriptors in use.",
            self.process.descriptors.map(|open| open as u64),
        )?;
        to.gauge(
            ("doorbell_process_descriptors_limit", None),
            "The most file descriptors.",
            self.process.descriptors_limit,
        )
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = Samples(encoder);
        self.inbox(&mut to)?;
        self.registration(&mut to)?;
        self.process(&mut to)
    }
}

/// Writes one metric after another.
struct Samples<'a>(DescriptorEncoder<'a>);

/// A metric's name without its unit, and the unit.
type Name<'a> = (&'a str, Option<&'a Unit>);

impl Samples<'_> {
    fn gauge<N: EncodeGaugeValue>(&mut self, (name, unit): Name<'_>, help: &str, value: Option<N>) -> fmt::Result
    where
        ConstGauge<N>: EncodeMetric,
    {
        let encoder = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        value.map_or(Ok(()), |value| ConstGauge::new(value).encode(encoder))
    }

    fn counter<N: EncodeCounterValue>(&mut self, (name, unit): Name<'_>, help: &str, value: Option<N>) -> fmt::Result
    where
        ConstCounter<N>: EncodeMetric,
    {
        let encoder = self.0.encode_descriptor(name, help, unit, MetricType::Counter)?;
        value.map_or(Ok(()), |value| ConstCounter::new(value).encode(encoder))
    }

    /// One gauge for each value of a label.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'static str, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (of, value) in values {
            ConstGauge::new(value).encode(encoder.encode_family(&[(label, of)])?)?;
        }
        Ok(())
    }
}
