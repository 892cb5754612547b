use jiff::Timestamp;

use super::case::Case;
use super::finding::Finding;
use crate::clock::elapsed;
use crate::humanize;
use crate::registrar::{BACKLOG, Drift, OffReason, RECENT, RefusedToken, Status, TakeoverPolicy, explain, waiting};
use crate::settings::{Settings, origin};
use crate::telegram::{ApiError, Me, WebhookInfo};

pub(super) fn settings(settings: &Settings) -> Finding {
    let set = settings.effective().iter().filter(|entry| entry.source != origin::DEFAULT).count();
    let proxy = settings.proxy_in_words().map(|proxy| format!("; {proxy}")).unwrap_or_default();
    let remark = settings.remark().map(|remark| format!("; note: {remark}")).unwrap_or_default();
    Finding::ok("settings", format!("loaded without a problem; {set} differ from the defaults{proxy}{remark}"))
}

pub(super) fn no_token() -> Finding {
    Finding::failed(
        "bot token",
        "there is none: this is a preview, to which the platform gives no secrets",
        "To try the bot here, give the preview the token of a separate bot (TELEGRAM_BOT_TOKEN), and set \
         DOORBELL__WEBHOOK__TAKEOVER=always.",
    )
}

pub(super) fn token(me: &Result<Me, ApiError>) -> Finding {
    const CHECK: &str = "bot token";
    match me {
        Ok(me) => Finding::ok(CHECK, format!("Telegram accepts it: @{}, bot {}", me.username, me.id)),
        Err(ApiError::Refused { code, description, .. }) => {
            let refused = RefusedToken { description: format!("{code} {description}") };
            Finding::failed(CHECK, refused.to_string(), refused.hint())
        }
        Err(error) => Finding::failed(
            CHECK,
            error.to_string(),
            "Check TELEGRAM_API_URL, TELEGRAM_PROXY and the network from here to the internet. If they are right, Telegram \
             has a problem: a running Doorbell waits, and loses nothing.",
        ),
    }
}

pub(super) fn public_url(case: &Case<'_>, public_api: bool) -> Finding {
    const CHECK: &str = "public URL";
    let wanted = match &case.wanted {
        Ok(wanted) => wanted,
        Err(why @ (OffReason::NoPublicUrl | OffReason::TurnedOff | OffReason::NoToken)) => {
            return Finding::failed(
                CHECK,
                Status::Off { why: *why }.sentence(),
                "Platforms such as Render provide it. Elsewhere, as on Cloud Run and DigitalOcean, set \
                 PUBLIC_URL=https://…: the address on the platform's page, or the one of the proxy or tunnel that leads \
                 to this service.",
            );
        }
    };
    let problems = wanted.problems(public_api);
    if problems.is_empty() {
        let source = case.settings.source("webhook.public_url").map(|source| format!(" ({source})"));
        return Finding::ok(CHECK, format!("{}{}", wanted.host(), source.unwrap_or_default()));
    }
    Finding::failed(CHECK, problems.join("; "), "Correct PUBLIC_URL or the [webhook] settings.")
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
        (Some(Drift::Empty), _) => Finding::failed(
            CHECK,
            "Telegram has none for this bot: updates wait there for at most 24 h",
            format!(
                "Start the service: it registers itself. If it runs and this comes back, a polling copy of this bot \
                 removes the webhook: look for it on your machines and in other services, and stop it.{off}"
            ),
        ),
        (Some(Drift::Foreign { host }), _) => Finding::failed(
            CHECK,
            format!("it leads to another service, at {host}: all updates go there"),
            match case.takeover {
                TakeoverPolicy::Any => format!(
                    "If this service should have the bot, stop the one at {host}, and start this one again or run \
                     `doorbell webhook set`.{off}"
                ),
                TakeoverPolicy::FreeOnly | TakeoverPolicy::FreeOnlyByOrder => format!(
                    "This service leaves it alone. To take it on purpose: `doorbell serve --takeover`, or \
                     webhook.takeover = \"always\". To try something out, use a separate bot instead.{off}"
                ),
                TakeoverPolicy::Preview { .. } => {
                    "That is right if production runs there: a preview leaves it alone. To try the bot here, give the \
                     preview a separate bot, and set DOORBELL__WEBHOOK__TAKEOVER=always."
                        .to_owned()
                }
            },
        ),
        (Some(Drift::Url), _) => Finding::failed(
            CHECK,
            "it leads to this host, but to another path: another program set it",
            format!("Start the service again, or run `doorbell webhook set`.{off}"),
        ),
        (_, Ok(wanted)) => Finding::ok(CHECK, format!("it leads here, to {}", wanted.url)),
        (_, Err(_)) if seen.url.is_empty() => Finding::failed(
            CHECK,
            "Telegram has none for this bot: updates wait there for at most 24 h",
            "Set PUBLIC_URL and start the service: it registers itself.",
        ),
        (_, Err(_)) => Finding::unknown(
            CHECK,
            "there is one; without the public URL it is unknown whether it leads here",
            "Run this where the service runs, or with its PUBLIC_URL.",
        ),
    }
}

pub(super) fn limits(drift: &[Drift]) -> Finding {
    const CHECK: &str = "kinds and limits";
    let differ: Vec<String> = drift.iter().filter(|drift| **drift != Drift::Url).map(ToString::to_string).collect();
    if differ.is_empty() {
        return Finding::ok(CHECK, "Telegram sends the wanted kinds of updates, over the wanted number of connections");
    }
    Finding::failed(
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
    let age = seen.last_error_at().map(|at| elapsed(at, now));
    match (&seen.last_error_message, age) {
        (Some(message), Some(age)) if age < RECENT => {
            let known = explain(message);
            let means = known.map(|known| format!(". This means: {}", known.means)).unwrap_or_default();
            Finding::failed(
                CHECK,
                format!("{waiting}; it could not deliver {} ago: {message}{means}", humanize::age(age)),
                known.map_or("Check the log of the service, and the log of the proxy in front of it.", |known| {
                    known.remedy
                }),
            )
        }
        _ if pending >= BACKLOG => Finding::failed(
            CHECK,
            format!("{waiting}, more than normal traffic"),
            "Raise webhook.max_connections (at most 100), and check how long the inbox takes to store an update.",
        ),
        (Some(message), age) => {
            let ago = age.map(|age| format!(" {} ago", humanize::age(age))).unwrap_or_default();
            Finding::ok(CHECK, format!("{waiting}; the last error was{ago} and is over: {message}"))
        }
        (None, _) => Finding::ok(CHECK, format!("{waiting}; no error since the webhook was set")),
    }
}
