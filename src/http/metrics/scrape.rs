use std::fmt;

use jiff::Timestamp;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use super::process::Process;
use super::samples::Samples;
use crate::clock::elapsed;
use crate::http::health::ServiceState;
use crate::inbox::Survey;
use crate::registrar::{StatusName, WebhookHealth};
use crate::telemetry::{self, Label, Unit};

/// The values that are read at one scrape. An unknown value has no sample.
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
    pub(super) async fn read(service: &ServiceState) -> Self {
        Self {
            survey: service.survey_cache.survey().await.ok(),
            now: service.clock.now(),
            steady: service.clock.steady(),
            started_at: service.started_at,
            capacity: service.capacity,
            registration: service.registration.borrow().name(),
            webhook_health: service.webhook_health.borrow().clone(),
            connections: service.connections.open(),
            connections_limit: service.connections_limit,
            process: Process::read(),
        }
    }

    fn inbox(&self, to: &mut Samples<'_>) -> fmt::Result {
        let usable = u64::from(self.survey.is_some());
        to.gauge(
            ("doorbell_inbox_usable", None),
            "1 when the inbox can be read, 0 when it cannot. Then its depth and age have no sample.",
            Some(usable),
        )?;
        let states = self.survey.map(|it| [("waiting", it.waiting), ("held", it.held), ("dead", it.dead)]);
        to.gauges(
            "doorbell_inbox_updates",
            "Updates in the inbox, by state. All instances that share a database show the same numbers.",
            "state",
            states.into_iter().flatten(),
        )?;
        to.gauge(
            ("doorbell_inbox_capacity", None),
            "The most updates that the inbox may hold, dead-letter updates included.",
            Some(self.capacity as u64),
        )?;
        let age = |oldest| elapsed(oldest, self.steady).as_secs_f64();
        to.gauge(
            ("doorbell_inbox_oldest_age", Some(&Unit::Seconds)),
            "Age of the oldest update that waits or is being handled. 0 when there is none.",
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
            "How often the webhook was set again because another program had removed or changed it.",
            Some(self.webhook_health.repairs),
        )?;
        to.gauge(
            ("doorbell_telegram_pending_updates", None),
            "Updates that wait at Telegram, from its last answer. No sample before the first answer.",
            self.webhook_health.pending,
        )?;
        to.gauge(
            ("doorbell_telegram_last_error_age", Some(&Unit::Seconds)),
            "Time since Telegram last failed to deliver, from its last answer. No sample when it never failed.",
            self.webhook_health.last_error_at.map(|error| elapsed(error, self.now).as_secs_f64()),
        )
    }

    fn process(&self, to: &mut Samples<'_>) -> fmt::Result {
        to.gauge(("doorbell_connections", None), "Open connections.", Some(self.connections))?;
        to.gauge(
            ("doorbell_connections_limit", None),
            "The most connections at once. Beyond it, the connection that has been silent for longest is closed.",
            Some(self.connections_limit as u64),
        )?;
        to.counter(
            ("doorbell_log_lines_lost", None),
            "Log lines that were lost because standard error was not read in time.",
            Some(telemetry::lost_lines()),
        )?;
        to.gauges(
            "doorbell_build_info",
            "Always 1. The label is the version of the program.",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1)],
        )?;
        to.gauge(
            ("doorbell_uptime", Some(&Unit::Seconds)),
            "Time since the service started.",
            Some(elapsed(self.started_at, self.now).as_secs_f64()),
        )?;
        to.gauge(
            ("doorbell_process_resident_memory", Some(&Unit::Bytes)),
            "Memory in use. No sample where the system does not report it.",
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
