use std::error::Error;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::Finding;
use super::reach::Service;
use crate::inbox::{self, InboxError, Inspection, Survey};
use crate::settings::Settings;
use crate::telegram::BotId;
use crate::wording;

/// An update that waits longer is not waiting for its turn.
const LATE: Duration = Duration::from_mins(10);

/// What is kept, as far as it concerns the operator.
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
        Ok(Inspection::Missing) => Finding::well(CHECK, "there is none yet: the first start makes it"),
        Ok(Inspection::ServiceOnly) => match service.map(Service::inbox) {
            Some(said) if said["error"].is_string() => Finding::unwell(
                CHECK,
                format!("the service says: {}", said["error"].as_str().unwrap_or_default()),
                "Look at the database and at the log of the service. Telegram keeps what is not acknowledged.",
            ),
            Some(said) => judged(CHECK, "the service can use it", &depth_said(said), settings),
            None => Finding::unknown(
                CHECK,
                "it can be seen through the running service only, which was not reached",
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
            Finding::unwell(CHECK, seen, hint)
        }
        Err(error) => Finding::unwell(CHECK, error.to_string(), "Look at the log of the service."),
    }
}

fn depth(survey: &Survey, now: Timestamp) -> Depth {
    let age = |at: Timestamp| Duration::try_from(now.duration_since(at)).unwrap_or_default();
    Depth { waiting: survey.waiting + survey.held, dead: survey.dead, oldest: survey.oldest.map(age) }
}

fn depth_said(said: &Value) -> Depth {
    let number = |name: &str| said[name].as_u64().unwrap_or_default();
    let oldest = said["oldest_s"].as_u64().map(Duration::from_secs);
    Depth { waiting: number("waiting") + number("held"), dead: number("dead"), oldest }
}

fn judged(check: &'static str, state: &str, depth: &Depth, settings: &Settings) -> Finding {
    let Depth { waiting, dead, oldest } = depth;
    let age = oldest.map(|age| format!(", the oldest for {}", wording::age(age))).unwrap_or_default();
    let seen = format!("{state}; waiting: {waiting}{age}; dead: {dead}");
    if *waiting + *dead >= settings.inbox.capacity as u64 {
        let advice = "It is full: new updates are left to Telegram. Look at why they are not handled (the log, your bot), \
                      or raise inbox.capacity.";
        Finding::unwell(check, seen, advice)
    } else if oldest.is_some_and(|age| age > LATE) {
        let advice = "Updates are not handled in time: the service does not run, or what handles them fails or is away. \
                      Its log says which.";
        Finding::unwell(check, seen, advice)
    } else if *dead > 0 {
        let advice = "`doorbell dead list` shows the dead ones and why; then `doorbell dead retry` or `doorbell dead \
                      discard`.";
        Finding::unwell(check, seen, advice)
    } else {
        Finding::well(check, seen)
    }
}

pub(super) fn storage(settings: &Settings) -> Finding {
    const CHECK: &str = "storage";
    match inbox::ephemeral_storage_warning(&settings.inbox, &settings.platform) {
        Some(advice) => Finding::unwell(CHECK, "a deploy erases the inbox", advice),
        None => Finding::well(CHECK, "nothing is known here that a deploy would erase"),
    }
}
