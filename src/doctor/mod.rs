//! Checks everything that can keep a bot from answering, and says what to do. It changes nothing.
//!
//! Each check has its own finding. A check is skipped if an earlier one makes it meaningless.

mod bot;
mod case;
mod finding;
mod ownership;
mod reach;
mod registration;
mod storage;

use std::sync::Arc;

use jiff::Timestamp;

pub use case::Ring;
pub use finding::{Finding, Verdict};

use crate::clock::SharedClock;
use crate::registrar::{Drift, TakeoverPolicy, drift};
use crate::settings::Settings;
use crate::telegram::{BotApi, BotToken, WebhookInfo};
use case::Case;
use reach::Service;

/// Makes all checks, in the order in which an operator would.
///
/// The settings must have been loaded without a problem: that is the first finding.
pub async fn examine(settings: &Settings, clock: SharedClock, ring: Ring) -> Vec<Finding> {
    let now = clock.now();
    let mut findings = vec![registration::settings(settings)];
    let Some(token) = settings.telegram.bot_token.clone().map(BotToken::new) else {
        findings.push(registration::no_token());
        findings.push(ownership::platform(settings, TakeoverPolicy::of(settings.webhook.takeover, &settings.platform)));
        return findings;
    };
    let bot = token.bot_id();
    let target = bot::stored_target(settings, bot, Arc::clone(&clock)).await;
    let kinds = target.as_ref().and_then(|target| target.allowed_updates.as_deref());
    let case = Case::of(settings, &token, now).with_kinds_of_bot(kinds);
    let api = BotApi::new(&settings.telegram, token, clock);

    let me = api.get_me().await;
    findings.push(registration::token(&me));
    findings.push(registration::public_url(&case, api.is_public()));
    let seen = if me.is_ok() { case.webhook(&api, &mut findings).await } else { None };
    let service = case.reach(ring, &mut findings).await;
    findings.extend(bot::findings(settings, target.as_ref(), service.as_ref()).await);
    findings.push(storage::inbox(settings, bot, service.as_ref(), now));
    findings.push(storage::disk(settings));
    findings.push(ownership::platform(settings, case.takeover));
    if let Some(seen) = seen {
        findings.push(ownership::other_programs(&case, &seen, service.as_ref()));
    }
    findings
}

/// Makes the checks of the webhook only. `seen` is what Telegram has, and `kinds` what the bot behind the gateway asks for.
#[must_use]
pub fn examine_webhook(
    settings: &Settings,
    token: &BotToken,
    seen: &WebhookInfo,
    kinds: Option<&[String]>,
    now: Timestamp,
) -> Vec<Finding> {
    Case::of(settings, token, now).with_kinds_of_bot(kinds).examine_webhook(seen)
}

/// The kinds of updates that the bot behind the gateway asks for, if the service has stored them where this process can read
/// them.
pub async fn stored_kinds(settings: &Settings, token: &BotToken, clock: SharedClock) -> Option<Vec<String>> {
    bot::stored_target(settings, token.bot_id(), clock).await?.allowed_updates
}

impl Case<'_> {
    fn examine_webhook(&self, seen: &WebhookInfo) -> Vec<Finding> {
        let drift = self.wanted.as_ref().map(|wanted| drift(wanted, seen)).unwrap_or_default();
        let mut findings = vec![registration::webhook(self, seen, &drift)];
        // The limits and errors of another service's webhook do not concern this one.
        if !matches!(drift.first(), Some(Drift::Empty | Drift::Foreign { .. })) && self.wanted.is_ok() {
            findings.push(registration::limits(&drift));
            findings.push(registration::deliveries(seen, self.now));
        }
        findings
    }

    /// Asks Telegram for the webhook, and checks it.
    async fn webhook(&self, api: &BotApi, findings: &mut Vec<Finding>) -> Option<WebhookInfo> {
        let seen = api.webhook_info().await;
        let seen = seen.map_err(|error| findings.push(registration::not_asked(&error))).ok()?;
        findings.extend(self.examine_webhook(&seen));
        Some(seen)
    }

    /// Checks the service through the public URL, as Telegram would reach it.
    async fn reach(&self, ring: Ring, findings: &mut Vec<Finding>) -> Option<Service> {
        let wanted = self.wanted.as_ref().ok()?;
        let reached = reach::service(wanted).await;
        let (service, finding) = reached.map_err(|finding| findings.push(finding)).ok()?;
        findings.push(finding);
        findings.push(service.own_report());
        let secret = reach::secret(wanted).await;
        let accepted = secret.verdict == Verdict::Ok;
        findings.push(secret);
        if accepted && ring != Ring::No {
            findings.push(reach::ring(wanted, ring, self.now).await);
        }
        Some(service)
    }
}
