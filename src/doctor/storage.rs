use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::finding::Finding;
use super::reach::Service;
use crate::clock::elapsed;
use crate::humanize;
use crate::inbox::{self, InboxError, Inspection, Survey};
use crate::settings::Settings;
use crate::telegram::BotId;

/// An update that waits longer than this is not just waiting for its turn.
const LATE: Duration = Duration::from_mins(10);

/// The numbers of the inbox that matter to the operator.
struct Depth {
    waiting: u64,
    dead: u64,
    oldest: Option<Duration>,
}

pub(super) fn inbox(settings: &Settings, bot: BotId, service: Option<&Service>, now: Timestamp) -> Finding {
    const CHECK: &str = "inbox";
    match inbox::inspect(&settings.inbox, bot) {
        Ok(Inspection::InUse(survey)) => {
            judged(CHECK, "it is in use by the running service (good)", &depth(&survey, now), settings)
        }
        Ok(Inspection::Free(survey)) => {
            judged(CHECK, "it can be written; no service uses it now", &depth(&survey, now), settings)
        }
        Ok(Inspection::Missing) => Finding::ok(CHECK, "there is none yet: the first start creates it"),
        Ok(Inspection::ServiceOnly) => match service.map(Service::inbox) {
            Some(report) if report["error"].is_string() => Finding::failed(
                CHECK,
                format!("the service says: {}", report["error"].as_str().unwrap_or_default()),
                "Check the database and the log of the service. Telegram keeps updates that are not acknowledged.",
            ),
            Some(report) => judged(CHECK, "the service can use it", &depth_reported(report), settings),
            None => Finding::unknown(
                CHECK,
                "it can only be checked through the running service, which was not reached",
                "See the findings above.",
            ),
        },
        Err(InboxError::Unusable { message, hint, source }) => {
            let mut seen = message;
            let mut cause = source.as_deref().map(|source| source as &dyn Error);
            while let Some(error) = cause {
                let _ = write!(seen, ": {error}");
                cause = error.source();
            }
            Finding::failed(CHECK, seen, hint)
        }
        Err(error) => Finding::failed(CHECK, error.to_string(), "Check the log of the service."),
    }
}

fn depth(survey: &Survey, now: Timestamp) -> Depth {
    let oldest = survey.oldest.map(|at| elapsed(at, now));
    Depth { waiting: survey.waiting + survey.held, dead: survey.dead, oldest }
}

fn depth_reported(report: &Value) -> Depth {
    let number = |name: &str| report[name].as_u64().unwrap_or_default();
    let oldest = report["oldest_s"].as_u64().map(Duration::from_secs);
    Depth { waiting: number("waiting") + number("held"), dead: number("dead"), oldest }
}

fn judged(check: &'static str, state: &str, depth: &Depth, settings: &Settings) -> Finding {
    let Depth { waiting, dead, oldest } = depth;
    let age = oldest.map(|age| format!(", the oldest for {}", humanize::age(age))).unwrap_or_default();
    let seen = format!("{state}; waiting: {waiting}{age}; dead-letter: {dead}");
    if *waiting + *dead >= settings.inbox.capacity as u64 {
        let advice = "It is full: new updates stay at Telegram. Find out why they are not handled (the log, your bot), or \
                      raise inbox.capacity.";
        Finding::failed(check, seen, advice)
    } else if oldest.is_some_and(|age| age > LATE) {
        let advice = "Updates are not handled in time: the service is not running, or your bot fails or is away. The log \
                      of the service says which.";
        Finding::failed(check, seen, advice)
    } else if *dead > 0 {
        let advice = "`doorbell dead list` shows the dead-letter updates and their reasons. Then run `doorbell dead retry` \
                      or `doorbell dead discard`.";
        Finding::failed(check, seen, advice)
    } else {
        Finding::ok(check, seen)
    }
}

pub(super) fn disk(settings: &Settings) -> Finding {
    const CHECK: &str = "storage";
    match inbox::ephemeral_storage_warning(&settings.inbox, &settings.platform) {
        Some(advice) => Finding::failed(CHECK, "a deploy erases the inbox", advice),
        None => Finding::ok(CHECK, "no storage that a deploy would erase was detected"),
    }
}
