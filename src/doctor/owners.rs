use super::reach::Service;
use super::{Case, Finding};
use crate::registrar::{Claim, Drift, drift};
use crate::settings::Settings;
use crate::telegram::WebhookInfo;

/// Where the service runs, and what follows from it.
pub(super) fn place(settings: &Settings, claim: Claim) -> Finding {
    const CHECK: &str = "place";
    let name = settings.platform.name.unwrap_or("no platform that Doorbell knows");
    match claim {
        Claim::Nothing { shown_by } => Finding::unwell(
            CHECK,
            format!("a preview or a test environment on {name} ({shown_by}): it never takes the webhook"),
            "Nothing is to be done if this is meant to be a preview. To try the bot here, give it a bot of its own, and \
             set DOORBELL__WEBHOOK__TAKEOVER=always.",
        ),
        Claim::Any if settings.platform.is_production() => {
            Finding::well(CHECK, format!("production on {name}: it takes the webhook over when it starts"))
        }
        Claim::Any => Finding::well(
            CHECK,
            "webhook.takeover = \"always\": it takes the webhook over when it starts, also from production",
        ),
        Claim::Vacant if settings.platform.name.is_some() => Finding::well(
            CHECK,
            format!("{name}, which does not show that this is production: it takes no webhook over from another host"),
        ),
        Claim::Vacant => Finding::well(
            CHECK,
            format!("{name}, so a local run or a server of your own: it takes no webhook over from another host"),
        ),
        Claim::VacantByOrder => {
            Finding::well(CHECK, format!("{name}, with webhook.takeover = \"never\": it takes no webhook over"))
        }
    }
}

/// Whether another program uses the bot's token, as far as that leaves traces.
pub(super) fn alone(case: &Case<'_>, seen: &WebhookInfo, service: Option<&Service>) -> Finding {
    const CHECK: &str = "only one";
    let foreign = case.wanted.as_ref().ok().and_then(|wanted| match drift(wanted, seen).into_iter().next() {
        Some(Drift::Foreign { host }) => Some(host),
        Some(Drift::Empty | Drift::Url | Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. }) | None => None,
    });
    match (foreign, service.and_then(Service::conflict)) {
        (Some(host), _) => Finding::unwell(
            CHECK,
            format!("two services use this bot's token: this one, and the one at {host}, which has the webhook"),
            "Stop one of them, or give each a bot of its own. If you do not know the other, send /revoke to @BotFather \
             and give the new token to this one alone.",
        ),
        (None, Some(_)) => Finding::unwell(
            CHECK,
            "another program uses this bot's token: the service has seen the webhook removed or changed",
            "Look for it on your own machines, in other services and in old deployments, and stop it. If you cannot find \
             it, send /revoke to @BotFather and give the new token to this one alone.",
        ),
        (None, None) => Finding::well(CHECK, "no trace of another program with this bot's token"),
    }
}
