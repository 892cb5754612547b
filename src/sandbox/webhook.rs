//! `setWebhook`, `deleteWebhook` and `getWebhookInfo`, in the order of effects of the real ones: a
//! `setWebhook` that fails leaves no webhook behind (`Client.cpp`: `process_set_webhook_query`,
//! `do_set_webhook`, `finish_set_webhook`).

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::push::Actor;
use super::ramp::Ramp;
use super::records::WebhookRecord;
use super::reply::{Params, Reply};
use super::target::Target;
use super::world::World;
use crate::clock;
use crate::update::Kind;

/// The public Bot API's own number when a call names none.
const DEFAULT_CONNECTIONS: u32 = 40;

/// A webhook that is set.
#[derive(Debug)]
pub(super) struct Hook {
    pub(super) url: String,
    pub(super) secret: Option<String>,
    pub(super) max_connections: u32,
    fixed_ip: Option<String>,
    certificate: bool,
    /// Who sends; replaced whenever something changes.
    pub(super) actor: Arc<Actor>,
    pub(super) ramp: Ramp,
    /// When and how delivery failed last; it stays after recovery.
    pub(super) last_error: Option<(Timestamp, String)>,
    /// Since when every answer was 410.
    pub(super) gone_since: Option<Timestamp>,
}

/// How a `setWebhook` or `deleteWebhook` goes on.
#[derive(Debug)]
pub(super) enum Begun {
    /// It is answered.
    Answer(Reply),
    /// The address must be found first; then [`World::finish_webhook`].
    Check(Box<Plan>),
}

/// A `setWebhook` that waits for its checks.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) target: Target,
    hook: Wanted,
    /// Cancelled by the next `setWebhook`.
    pub(super) terminated: CancellationToken,
}

/// What a `setWebhook` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    url: String,
    secret: Option<String>,
    max_connections: u32,
    fixed_ip: Option<String>,
    certificate: bool,
}

impl Wanted {
    fn read(params: &Params) -> Self {
        let text = |name| params.text(name).filter(|text| !text.is_empty()).map(Cow::into_owned);
        // Not a number counts as 1, as does anything below it.
        let connections = text("max_connections").map(|text| text.parse().unwrap_or(1_i64).clamp(1, 100));
        Self {
            url: text("url").unwrap_or_default(),
            secret: text("secret_token"),
            max_connections: connections.and_then(|n| u32::try_from(n).ok()).unwrap_or(DEFAULT_CONNECTIONS),
            fixed_ip: text("ip_address"),
            certificate: text("certificate").is_some(),
        }
    }

    fn is(&self, hook: Option<&Hook>) -> bool {
        hook.is_some_and(|hook| {
            !hook.certificate
                && !self.certificate
                && (&self.url, &self.secret, &self.fixed_ip) == (&hook.url, &hook.secret, &hook.fixed_ip)
                && self.max_connections == hook.max_connections
        })
    }
}

impl World {
    pub(super) fn set_webhook(&mut self, now: Timestamp, params: &Params) -> Begun {
        let wanted = Wanted::read(params);
        if wanted.url.is_empty() {
            return Begun::Answer(self.delete_webhook(params));
        }
        if now < self.next_set_at {
            return Begun::Answer(Reply::throttled(1));
        }
        self.next_set_at = clock::later(now, Duration::from_secs(1));
        let drop_pending = params.flag("drop_pending_updates");
        if let Some(waiting) = self.setting.take() {
            waiting.cancel();
        } else if wanted.is(self.hook.as_ref()) && !drop_pending {
            self.allow(params);
            return Begun::Answer(Reply::done("Webhook is already set"));
        }
        self.end_long_poll(now, "Conflict: terminated by setWebhook request");
        self.erase_webhook();
        if drop_pending {
            self.backlog.clear();
        }
        match self.check(&wanted) {
            Ok(target) => {
                self.allow(params);
                let terminated = CancellationToken::new();
                self.setting = Some(terminated.clone());
                Begun::Check(Box::new(Plan { target, hook: wanted, terminated }))
            }
            Err(reply) => Begun::Answer(reply),
        }
    }

    /// The checks that need no name server.
    fn check(&self, wanted: &Wanted) -> Result<Target, Reply> {
        let mut target = Target::parse(&wanted.url).ok_or_else(|| Reply::bad("invalid webhook URL specified"))?;
        let secret = wanted.secret.as_deref().unwrap_or_default();
        if secret.len() > 256 {
            return Err(Reply::bad("secret token is too long"));
        }
        if !secret.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
            return Err(Reply::bad("secret token contains unallowed characters"));
        }
        if let Some(objection) = target.public_objection().filter(|_| self.strict) {
            return Err(bad_webhook(objection));
        }
        if !target.resolve_at_once(&self.routes)
            && let Some(ip) = &wanted.fixed_ip
        {
            let ip: IpAddr = ip.parse().or(Err(bad_webhook("Invalid IP address specified")))?;
            target.resolved(ip);
        }
        Ok(target)
    }

    /// Sets the webhook whose address was found, or refuses it. The actor is to be started.
    pub(super) fn finish_webhook(&mut self, plan: Plan, found: Result<Target, String>) -> Result<Arc<Actor>, Reply> {
        self.setting = None;
        let target = found.map_err(|reason| bad_webhook(&format!("Failed to resolve host: {reason}")))?;
        if let Some(objection) = target.address_objection().filter(|_| self.strict) {
            return Err(bad_webhook(&objection));
        }
        Ok(self.install(plan.hook, target))
    }

    fn install(&mut self, wanted: Wanted, target: Target) -> Arc<Actor> {
        self.erase_webhook();
        let actor = Arc::new(Actor::new(target, wanted.secret.clone()));
        let Wanted { url, secret, max_connections, fixed_ip, certificate } = wanted;
        let (ramp, last_error, gone_since) = (Ramp::new(), None, None);
        let started = Arc::clone(&actor);
        self.hook =
            Some(Hook { url, secret, max_connections, fixed_ip, certificate, actor, ramp, last_error, gone_since });
        started
    }

    /// Puts another secret token in the place of the webhook's own, as another program's
    /// `setWebhook` would.
    pub(super) fn change_secret(&mut self, secret: &str) -> Option<Arc<Actor>> {
        let hook = self.hook.take()?;
        hook.actor.cut.cancel();
        let target = hook.actor.target.clone();
        let Hook { url, max_connections, fixed_ip, certificate, .. } = hook;
        Some(
            self.install(
                Wanted { url, secret: Some(secret.to_owned()), max_connections, fixed_ip, certificate },
                target,
            ),
        )
    }

    /// Forgets the webhook; whatever is in flight counts as never sent.
    pub(super) fn erase_webhook(&mut self) -> bool {
        self.backlog.unload();
        self.hook.take().map(|hook| hook.actor.cut.cancel()).is_some()
    }

    pub(super) fn delete_webhook(&mut self, params: &Params) -> Reply {
        if let Some(waiting) = self.setting.take() {
            waiting.cancel();
        }
        let was_set = self.erase_webhook();
        if params.flag("drop_pending_updates") {
            self.backlog.clear();
        }
        Reply::done(if was_set { "Webhook was deleted" } else { "Webhook is already deleted" })
    }

    /// Takes over `allowed_updates` where the call has it in a form that is understood.
    pub(super) fn allow(&mut self, params: &Params) {
        let Some(Ok(Value::Array(names))) = params.json("allowed_updates") else { return };
        let Some(names) = names.iter().map(Value::as_str).collect::<Option<Vec<_>>>() else { return };
        let known = |name: &&str| names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name));
        let allowed: Vec<String> = Kind::known().filter(known).map(str::to_owned).collect();
        self.allowed = Some(allowed).filter(|allowed| {
            let default = Kind::known().all(|kind| allowed.iter().any(|name| name == kind) == default_kind(kind));
            !allowed.is_empty() && !default
        });
    }

    pub(super) fn webhook_info(&self) -> Reply {
        let mut info = json!({"url": "", "has_custom_certificate": false, "pending_update_count": self.backlog.len()});
        if let Some(hook) = &self.hook {
            info["url"] = json!(hook.url);
            info["has_custom_certificate"] = json!(hook.certificate);
            info["max_connections"] = json!(hook.max_connections);
            let ip = hook.actor.target.ip.map_or_else(|| "<unknown>".to_owned(), |ip| ip.to_string());
            info["ip_address"] = json!(ip);
            if let Some((at, message)) = &hook.last_error {
                info["last_error_date"] = json!(at.as_second());
                info["last_error_message"] = json!(message);
            }
        }
        if let Some(allowed) = &self.allowed {
            info["allowed_updates"] = json!(allowed);
        }
        Reply::ok(info)
    }

    pub(super) fn webhook(&self) -> Option<WebhookRecord> {
        self.hook.as_ref().map(|hook| WebhookRecord {
            url: hook.url.clone(),
            secret: hook.secret.clone(),
            allowed_updates: self.allowed.clone().unwrap_or_default(),
            max_connections: hook.max_connections,
        })
    }
}

fn default_kind(kind: &str) -> bool {
    !matches!(kind, "chat_member" | "message_reaction" | "message_reaction_count")
}

fn bad_webhook(reason: &str) -> Reply {
    Reply::bad(&format!("bad webhook: {reason}"))
}

#[cfg(test)]
mod tests;
