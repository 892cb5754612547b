use std::time::Duration;

use jiff::Timestamp;

use super::{Case, Finding};
use crate::registrar::{Claim, Drift, NotWanted, RefusedToken, Standing, meaning, waiting};
use crate::settings::{Settings, origin};
use crate::telegram::{ApiError, Me, WebhookInfo};
use crate::wording;

/// Telegram tries again after 2 min at most: an older error has not come back.
const FRESH: Duration = Duration::from_mins(3);

/// More than this many updates do not just happen to be on their way.
const PILE: u64 = 100;

pub(super) fn settings(settings: &Settings) -> Finding {
    let set = settings.in_force().iter().filter(|entry| entry.source != origin::DEFAULT).count();
    let proxy = settings.proxy_in_words().map(|proxy| format!("; {proxy}")).unwrap_or_default();
    let remark = settings.remark().map(|remark| format!("; but {remark}")).unwrap_or_default();
    Finding::well("settings", format!("read without a problem, {set} of them not the defaults{proxy}{remark}"))
}

pub(super) fn no_token() -> Finding {
    Finding::unwell(
        "bot token",
        "there is none: this is a preview, to which the platform gives no secrets",
        "To try the bot here, give the preview the token of a bot of its own (TELEGRAM_BOT_TOKEN), and set \
         DOORBELL__WEBHOOK__TAKEOVER=always.",
    )
}

pub(super) fn token(me: &Result<Me, ApiError>) -> Finding {
    const CHECK: &str = "bot token";
    match me {
        Ok(me) => Finding::well(CHECK, format!("Telegram accepts it: @{}, bot {}", me.username, me.id)),
        Err(ApiError::Refused { code, description, .. }) => {
            let refused = RefusedToken { words: format!("{code} {description}") };
            Finding::unwell(CHECK, refused.to_string(), refused.hint())
        }
        Err(error) => Finding::unwell(
            CHECK,
            error.to_string(),
            "Look at TELEGRAM_API_URL, at TELEGRAM_PROXY and at the way from here to the internet. If both are right, Telegram has trouble: \
             a running Doorbell waits, and loses nothing.",
        ),
    }
}

pub(super) fn public_url(case: &Case<'_>, public_api: bool) -> Finding {
    const CHECK: &str = "public URL";
    let wanted = match &case.wanted {
        Ok(wanted) => wanted,
        Err(why @ (NotWanted::NoPublicUrl | NotWanted::TurnedOff | NotWanted::NoToken)) => {
            return Finding::unwell(
                CHECK,
                Standing::Off { why: *why }.sentence(),
                "Platforms such as Render tell it by themselves; elsewhere, as on Cloud Run and DigitalOcean, set \
                 PUBLIC_URL=https://…, the address on the platform's page, or where a proxy or a tunnel leads to this \
                 service.",
            );
        }
    };
    let problems = wanted.problems(public_api);
    if problems.is_empty() {
        let source = case.settings.source("webhook.public_url").map(|source| format!(" ({source})"));
        return Finding::well(CHECK, format!("{}{}", wanted.host(), source.unwrap_or_default()));
    }
    Finding::unwell(CHECK, problems.join("; "), "Correct PUBLIC_URL or the [webhook] settings.")
}

pub(super) fn not_asked(error: &ApiError) -> Finding {
    Finding::unknown("webhook", error.to_string(), "Telegram could not be asked: run this again in a minute.")
}

pub(super) fn webhook(case: &Case<'_>, seen: &WebhookInfo, drift: &[Drift]) -> Finding {
    const CHECK: &str = "webhook";
    let off = if case.settings.webhook.register {
        ""
    } else {
        " Registration is turned off (webhook.register = false): only `doorbell webhook set` sets it."
    };
    match (drift.first(), &case.wanted) {
        (Some(Drift::Empty), _) => Finding::unwell(
            CHECK,
            "Telegram has none for this bot: updates wait there, for 24 h at most",
            format!(
                "Start the service: it registers itself. If it runs and this comes back, a polling copy of this bot \
                 removes the webhook: look for it on your machines and in other services, and stop it.{off}"
            ),
        ),
        (Some(Drift::Foreign { host }), _) => Finding::unwell(
            CHECK,
            format!("it leads to another service, at {host}: all updates go there"),
            match case.claim {
                Claim::Any => format!(
                    "If this service shall have the bot, stop the one at {host}, and start this one again or run \
                     `doorbell webhook set`.{off}"
                ),
                Claim::Vacant | Claim::VacantByOrder => format!(
                    "This service leaves it alone. To take it on purpose: `doorbell serve --takeover`, or \
                     webhook.takeover = \"always\". To try something out, rather use a bot of its own.{off}"
                ),
                Claim::Nothing { .. } => {
                    "That is right if production runs there: a preview leaves it alone. To try the bot here, give the \
                     preview a bot of its own, and set DOORBELL__WEBHOOK__TAKEOVER=always."
                        .to_owned()
                }
            },
        ),
        (Some(Drift::Url), _) => Finding::unwell(
            CHECK,
            "it leads to this host, but to another path: something else set it",
            format!("Start the service again, or run `doorbell webhook set`.{off}"),
        ),
        (_, Ok(wanted)) => Finding::well(CHECK, format!("it leads here, to {}", wanted.url)),
        (_, Err(_)) if seen.url.is_empty() => Finding::unwell(
            CHECK,
            "Telegram has none for this bot: updates wait there, for 24 h at most",
            "Set PUBLIC_URL and start the service: it registers itself.",
        ),
        (_, Err(_)) => Finding::unknown(
            CHECK,
            "there is one; whether it leads here cannot be told without the public URL",
            "Run this where the service runs, or with its PUBLIC_URL.",
        ),
    }
}

pub(super) fn limits(drift: &[Drift]) -> Finding {
    const CHECK: &str = "kinds and limits";
    let differ: Vec<String> = drift.iter().filter(|drift| **drift != Drift::Url).map(ToString::to_string).collect();
    if differ.is_empty() {
        return Finding::well(CHECK, "Telegram sends the kinds of updates that are wanted, over as many connections");
    }
    Finding::unwell(
        CHECK,
        differ.join("; "),
        "A running Doorbell sets them again within a minute. If they change again and again, two instances have \
         different [webhook] settings: give them the same. `doorbell webhook set` does it now.",
    )
}

pub(super) fn deliveries(seen: &WebhookInfo, now: Timestamp) -> Finding {
    const CHECK: &str = "deliveries";
    let pending = seen.pending_update_count;
    let waiting = waiting(pending);
    let at = seen.last_error_date.and_then(|second| Timestamp::from_second(second).ok());
    let age = at.map(|at| Duration::try_from(now.duration_since(at)).unwrap_or_default());
    match (&seen.last_error_message, age) {
        (Some(message), Some(age)) if age < FRESH => {
            let meaning = meaning(message);
            let means = meaning.map(|meaning| format!(". This means: {}", meaning.means)).unwrap_or_default();
            Finding::unwell(
                CHECK,
                format!("{waiting}; it could not deliver {} ago: {message}{means}", wording::age(age)),
                meaning.map_or("Look at the log of the service, and of what stands before it.", |known| known.remedy),
            )
        }
        _ if pending >= PILE => Finding::unwell(
            CHECK,
            format!("{waiting}, more than just happen to be on their way"),
            "Raise webhook.max_connections (100 at most), and look at how long the inbox takes to store an update.",
        ),
        (Some(message), age) => {
            let ago = age.map(|age| format!(" {} ago", wording::age(age))).unwrap_or_default();
            Finding::well(CHECK, format!("{waiting}; the last error was{ago} and is over: {message}"))
        }
        (None, _) => Finding::well(CHECK, format!("{waiting}; no error since the webhook was set")),
    }
}
