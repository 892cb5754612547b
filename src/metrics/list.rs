use std::time::Duration;

use super::Moment;
use super::page::{Kind, Metric, Samples, Unit};
use crate::clock::elapsed;
use crate::registrar::StandingName;
use crate::telemetry::Label;
use crate::webhook::Outcome;

/// Every metric there is: the page is this list, and no other place names one of them.
pub const LIST: &[Metric] = &[
    histogram(
        "doorbell_webhook_duration_seconds",
        Unit::Seconds,
        "From the head of a request to the webhook to its answer, by what the answer said.",
        |at, to| to.histograms("outcome", &at.counted.webhook.answered),
    ),
    counter(
        "doorbell_webhook_refused_total",
        Unit::Things,
        "Requests to the webhook that were not acknowledged, by reason.",
        |at, to| to.counters("reason", &at.counted.webhook.refused),
    ),
    counter(
        "doorbell_webhook_foreign_total",
        Unit::Things,
        "Requests with the right secret token from an address that is not Telegram's.",
        |at, to| to.value(at.counted.webhook.foreign.total()),
    ),
    counter(
        "doorbell_updates_total",
        Unit::Things,
        "Updates acknowledged with 200: stored, or known already, which refuses a duplicate.",
        |at, to| {
            for outcome in [Outcome::Stored, Outcome::Known] {
                to.of("outcome", outcome.name(), at.counted.webhook.total(outcome));
            }
        },
    ),
    gauge(
        "doorbell_inbox_usable",
        Unit::Things,
        "1 when the inbox says what it holds, 0 when it cannot; then its depth and age are left out.",
        |at, to| to.value(u8::from(at.survey.is_some())),
    ),
    gauge(
        "doorbell_inbox_updates",
        Unit::Things,
        "Updates in the inbox, by state. Instances that share a database all show the same.",
        |at, to| {
            if let Some(survey) = at.survey {
                to.of("state", "waiting", survey.waiting);
                to.of("state", "held", survey.held);
                to.of("state", "dead", survey.dead);
            }
        },
    ),
    gauge("doorbell_inbox_capacity", Unit::Things, "The most updates that may wait or be held.", |at, to| {
        to.value(at.counted.capacity);
    }),
    gauge(
        "doorbell_inbox_oldest_age_seconds",
        Unit::Seconds,
        "Age of the oldest update that waits or is held; 0 when there is none.",
        |at, to| {
            let age = |oldest| elapsed(oldest, at.now).as_secs_f64();
            to.known(at.survey.map(|survey| survey.oldest.map_or(0.0, age)));
        },
    ),
    histogram(
        "doorbell_inbox_commit_updates",
        Unit::Things,
        "Updates that one commit stored or settled; none with memory:, which commits nothing.",
        |at, to| {
            to.histogram(&at.counted.inbox.commit_held);
        },
    ),
    histogram(
        "doorbell_inbox_commit_duration_seconds",
        Unit::Seconds,
        "How long a commit took until it would survive a crash: for the most part one fsync, or one round trip.",
        |at, to| to.histogram(&at.counted.inbox.commit_took),
    ),
    histogram(
        "doorbell_inbox_sync_duration_seconds",
        Unit::Seconds,
        "How much of a commit the disk took: the log written and one fsync; on SQLite only, elsewhere nobody here can tell.",
        |at, to| to.histogram(&at.counted.inbox.sync_took),
    ),
    counter(
        "doorbell_inbox_commit_failures_total",
        Unit::Things,
        "Commits that failed; nothing of them was acknowledged.",
        |at, to| to.value(at.counted.inbox.commits_failed.total()),
    ),
    counter(
        "doorbell_leases_lapsed_total",
        Unit::Things,
        "Updates that went back to waiting because whoever held them gave no sign of life. In PostgreSQL this happens \
         unseen; what is seen there is doorbell_leases_lost_total.",
        |at, to| to.value(at.counted.inbox.leases_lapsed.total()),
    ),
    counter(
        "doorbell_leases_lost_total",
        Unit::Things,
        "Attempts whose outcome was refused, because their lease had lapsed and the update was given to another.",
        |at, to| to.value(at.counted.dispatch.leases_lost.total()),
    ),
    counter(
        "doorbell_attempts_total",
        Unit::Things,
        "Attempts that ended, by outcome. Those that ended dead or expired are as many updates.",
        |at, to| to.counters("outcome", &at.counted.dispatch.attempts),
    ),
    histogram(
        "doorbell_handler_duration_seconds",
        Unit::Seconds,
        "How long the handler took for an update, without the calls that it wanted.",
        |at, to| to.histogram(&at.counted.dispatch.handler),
    ),
    counter(
        "doorbell_telegram_calls_total",
        Unit::Things,
        "Calls of the Bot API, by what they do and what came of them. throttled: Telegram answered 429.",
        |at, to| to.counters_by(["group", "outcome"], &at.counted.api.counts().calls),
    ),
    histogram(
        "doorbell_telegram_call_duration_seconds",
        Unit::Seconds,
        "How long a call of the Bot API took, by what it does.",
        |at, to| to.histograms("group", &at.counted.api.counts().took),
    ),
    counter(
        "doorbell_telegram_calls_given_up_total",
        Unit::Things,
        "Calls that are not made again, by reason. refused: the update is dead. ordinary: the person blocked the bot, \
         or it was too late. unknown: every answer was lost.",
        |at, to| to.counters("reason", &at.counted.dispatch.given_up),
    ),
    counter(
        "doorbell_telegram_throttled_seconds_total",
        Unit::Seconds,
        "For how long Telegram asked to wait (429), all waits together.",
        |at, to| to.value(Duration::from_millis(at.counted.api.counts().throttled_ms.total()).as_secs_f64()),
    ),
    counter(
        "doorbell_telegram_calls_put_off_total",
        Unit::Things,
        "Calls that were not made yet, because Telegram had asked to wait or a cap of [outbound] was reached.",
        |at, to| to.value(at.counted.api.counts().put_off.total()),
    ),
    gauge(
        "doorbell_registration_standing",
        Unit::Things,
        "1 for how the registration stands, 0 for the others. active: Telegram rings this service.",
        |at, to| {
            for name in StandingName::ALL {
                to.of("standing", name.name(), u8::from(*name == at.standing.name()));
            }
        },
    ),
    counter(
        "doorbell_registration_heals_total",
        Unit::Things,
        "How often the webhook had to be set again, because another program had removed or changed it.",
        |at, to| to.value(at.notes.healed),
    ),
    gauge(
        "doorbell_telegram_pending_updates",
        Unit::Things,
        "Updates that wait at Telegram, as it said at the last look; left out before the first.",
        |at, to| to.known(at.notes.pending),
    ),
    gauge(
        "doorbell_telegram_last_error_age_seconds",
        Unit::Seconds,
        "How long ago Telegram last failed to deliver, as it said at the last look; left out when it never did.",
        |at, to| to.known(at.notes.last_error_at.map(|error| elapsed(error, at.now).as_secs_f64())),
    ),
    gauge("doorbell_connections", Unit::Things, "Connections that are open.", |at, to| {
        to.value(at.counted.connections.open());
    }),
    gauge(
        "doorbell_connections_limit",
        Unit::Things,
        "The most connections at once. Beyond it, the one with which least is lost makes room.",
        |at, to| to.value(at.counted.connections_limit),
    ),
    counter("doorbell_connections_opened_total", Unit::Things, "Connections that came.", |at, to| {
        to.value(at.counted.connections.opened.total());
    }),
    counter(
        "doorbell_connections_closed_total",
        Unit::Things,
        "Connections that went, by reason. ended is the usual one.",
        |at, to| to.counters("reason", &at.counted.connections.closed),
    ),
    gauge("doorbell_build_info", Unit::Things, "1, with the version of the program.", |_, to| {
        to.of("version", env!("CARGO_PKG_VERSION"), 1);
    }),
    gauge("doorbell_uptime_seconds", Unit::Seconds, "How long ago the service started.", |at, to| {
        to.value(elapsed(at.counted.started_at, at.now).as_secs_f64());
    }),
    gauge(
        "doorbell_process_resident_memory_bytes",
        Unit::Bytes,
        "Memory in use. Like all that follows, left out where the system does not tell.",
        |at, to| to.known(at.process.resident),
    ),
    counter("doorbell_process_cpu_seconds_total", Unit::Seconds, "Processor time used.", |at, to| {
        to.known(at.process.processor.map(|processor| processor.as_secs_f64()));
    }),
    gauge("doorbell_process_open_descriptors", Unit::Things, "Descriptors in use.", |at, to| {
        to.known(at.process.descriptors);
    }),
    gauge("doorbell_process_descriptors_limit", Unit::Things, "Descriptors that there may be.", |at, to| {
        to.known(at.process.descriptors_limit);
    }),
];

type Read = fn(&Moment<'_>, &mut Samples<'_>);

const fn counter(name: &'static str, unit: Unit, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Counter, unit, help, read }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, help, read }
}

const fn histogram(name: &'static str, unit: Unit, help: &'static str, read: Read) -> Metric {
    Metric { name, kind: Kind::Histogram, unit, help, read }
}
