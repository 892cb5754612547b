//! Finds out what keeps a bot from answering, and says what to do: each finding on its own, later
//! ones spared when an earlier one makes them meaningless. It changes nothing.

mod finding;
mod keeping;
mod owners;
mod reach;
mod registration;

use jiff::Timestamp;

pub use finding::{Finding, Verdict};

use crate::clock::SharedClock;
use crate::registrar::{Claim, Drift, NotWanted, WantedWebhook, drift};
use crate::settings::{Settings, WebhookSettings};
use crate::telegram::{BotApi, BotToken, WebhookInfo};
use reach::Service;

/// What is rung with, if the doctor is to ring at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ring {
    /// Nothing is sent.
    No,
    /// An update that means nothing, and has no effect.
    Harmless,
    /// `/start`, as if that person had written it; the answer goes to that private chat.
    Start {
        /// The person's id.
        user: i64,
    },
}

/// What the findings are made from.
struct Case<'a> {
    settings: &'a Settings,
    claim: Claim,
    wanted: Result<WantedWebhook, NotWanted>,
    now: Timestamp,
}

/// Examines everything that can be wrong, in the order in which one would look.
///
/// The settings have been read without a problem: that is the first finding.
pub async fn examine(settings: &Settings, clock: SharedClock, ring: Ring) -> Vec<Finding> {
    let now = clock.now();
    let mut findings = vec![registration::settings(settings)];
    let Some(token) = settings.telegram.bot_token.clone().map(BotToken::new) else {
        findings.push(registration::no_token());
        findings.push(owners::place(settings, Claim::of(settings.webhook.takeover, &settings.platform)));
        return findings;
    };
    let case = Case::of(settings, &token, now);
    let (bot, api) = (token.bot_id(), BotApi::new(&settings.telegram, token, clock));

    let me = api.get_me().await;
    findings.push(registration::token(&me));
    findings.push(registration::public_url(&case, api.is_public()));
    let seen = if me.is_ok() { case.webhook(&api, &mut findings).await } else { None };
    let service = case.reach(ring, &mut findings).await;
    findings.push(keeping::inbox(settings, bot, service.as_ref(), now));
    findings.push(keeping::storage(settings));
    findings.push(owners::place(settings, case.claim));
    if let Some(seen) = seen {
        findings.push(owners::alone(&case, &seen, service.as_ref()));
    }
    findings
}

/// What is found of a webhook, as Telegram has it: nothing else is looked into.
#[must_use]
pub fn of_webhook(settings: &Settings, token: &BotToken, seen: &WebhookInfo, now: Timestamp) -> Vec<Finding> {
    Case::of(settings, token, now).of_webhook(seen)
}

impl<'a> Case<'a> {
    fn of(settings: &'a Settings, token: &BotToken, now: Timestamp) -> Self {
        let claim = Claim::of(settings.webhook.takeover, &settings.platform);
        // Where it would lead is asked also of a service that does not register by itself.
        let webhook = WebhookSettings { register: true, ..settings.webhook.clone() };
        let wanted = WantedWebhook::from_settings(&webhook, &settings.platform, token);
        Self { settings, claim, wanted, now }
    }

    fn of_webhook(&self, seen: &WebhookInfo) -> Vec<Finding> {
        let drift = self.wanted.as_ref().map(|wanted| drift(wanted, seen)).unwrap_or_default();
        let mut findings = vec![registration::webhook(self, seen, &drift)];
        // What is said of another service's webhook does not concern this one.
        if !matches!(drift.first(), Some(Drift::Empty | Drift::Foreign { .. })) && self.wanted.is_ok() {
            findings.push(registration::limits(&drift));
            findings.push(registration::deliveries(seen, self.now));
        }
        findings
    }

    /// What Telegram has, as far as it can be asked.
    async fn webhook(&self, api: &BotApi, findings: &mut Vec<Finding>) -> Option<WebhookInfo> {
        let seen = match api.webhook_info().await {
            Ok(seen) => seen,
            Err(error) => {
                findings.push(registration::not_asked(&error));
                return None;
            }
        };
        findings.extend(self.of_webhook(&seen));
        Some(seen)
    }

    /// Goes to the public URL, as Telegram would.
    async fn reach(&self, ring: Ring, findings: &mut Vec<Finding>) -> Option<Service> {
        let wanted = self.wanted.as_ref().ok()?;
        let service = match reach::service(wanted).await {
            Ok((service, finding)) => {
                findings.push(finding);
                service
            }
            Err(finding) => {
                findings.push(finding);
                return None;
            }
        };
        findings.push(service.standing());
        let secret = reach::secret(wanted).await;
        let admitted = secret.verdict == Verdict::Well;
        findings.push(secret);
        if admitted && ring != Ring::No {
            findings.push(reach::ring(wanted, ring, self.now).await);
        }
        Some(service)
    }
}
