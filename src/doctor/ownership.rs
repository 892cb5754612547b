use super::case::Case;
use super::finding::Finding;
use super::reach::Service;
use crate::registrar::{Drift, TakeoverPolicy, drift};
use crate::settings::Settings;
use crate::telegram::WebhookInfo;

/// Where the service runs, and which webhook it may therefore take over.
pub(super) fn platform(settings: &Settings, takeover: TakeoverPolicy) -> Finding {
    const CHECK: &str = "platform";
    let name = settings.platform.name.unwrap_or("no platform that Doorbell knows");
    match takeover {
        TakeoverPolicy::Preview { evidence } => Finding::failed(
            CHECK,
            format!("a preview or a test environment on {name} ({evidence}): it never takes the webhook"),
            "No action is needed if this is meant to be a preview. To try the bot here, give it a separate bot, and set \
             DOORBELL__WEBHOOK__TAKEOVER=always.",
        ),
        TakeoverPolicy::Any if settings.platform.is_production() => {
            Finding::ok(CHECK, format!("production on {name}: it takes the webhook over when it starts"))
        }
        TakeoverPolicy::Any => Finding::ok(
            CHECK,
            "webhook.takeover = \"always\": it takes the webhook over when it starts, even from production",
        ),
        TakeoverPolicy::FreeOnly if settings.platform.name.is_some() => Finding::ok(
            CHECK,
            format!("{name}, which does not show that this is production: it takes no webhook over from another host"),
        ),
        TakeoverPolicy::FreeOnly => Finding::ok(
            CHECK,
            format!("{name}, so a local run or a server of your own: it takes no webhook over from another host"),
        ),
        TakeoverPolicy::FreeOnlyByOrder => {
            Finding::ok(CHECK, format!("{name}, with webhook.takeover = \"never\": it takes no webhook over"))
        }
    }
}

/// Whether there are traces of another program that uses the bot's token.
pub(super) fn other_programs(case: &Case<'_>, seen: &WebhookInfo, service: Option<&Service>) -> Finding {
    const CHECK: &str = "other programs";
    let drift = case.wanted.as_ref().map(|wanted| drift(wanted, seen)).unwrap_or_default();
    let foreign = if let Some(Drift::Foreign { host }) = drift.first() { Some(host) } else { None };
    match (foreign, service.and_then(Service::conflict)) {
        (Some(host), _) => Finding::failed(
            CHECK,
            format!("two services use this bot's token: this one, and the one at {host}, which has the webhook"),
            "Stop one of them, or give each a separate bot. If you do not know the other one, send /revoke to @BotFather \
             and give the new token to this one only.",
        ),
        (None, Some(_)) => Finding::failed(
            CHECK,
            "another program uses this bot's token: the service observed that the webhook was removed or changed",
            "Look for it on your machines, in other services and in old deployments, and stop it. If you cannot find \
             it, send /revoke to @BotFather and give the new token to this one only.",
        ),
        (None, None) => Finding::ok(CHECK, "no trace of another program with this bot's token"),
    }
}
