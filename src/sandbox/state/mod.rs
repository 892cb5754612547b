//! The state of the sandbox: everything that Telegram knows about one bot. It does no I/O and takes the time
//! as `now`.

pub(crate) mod backlog;
pub(crate) mod connection_ramp;
pub(crate) mod conversations;
pub(crate) mod faults;
pub(crate) mod files;
pub(crate) mod members;
pub(crate) mod polling;
pub(crate) mod presence;
pub(crate) mod presses;
pub(crate) mod queue;
pub(crate) mod target;
pub(crate) mod update_log;
pub(crate) mod webhook;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::ascii_json;
use super::records::{DeliveryAttempt, History, ReceivedCall, WebhookRecord};
use crate::update::UpdateId;
use backlog::{Backlog, PendingUpdate};
use conversations::{CallbackQueries, Conversations};
use faults::Faults;
use files::Files;
use members::Members;
use polling::Polling;
use presence::Presence;
use presses::Presses;
use target::Target;
use update_log::{LoggedUpdate, UpdateLog};
use webhook::{SenderHandle, Webhook, WebhookRequest};

/// The kinds of update that a bot receives only if its `allowed_updates` names them.
const NOT_BY_DEFAULT: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// Everything that Telegram knows about one bot.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) backlog: Backlog,
    pub(crate) webhook: Option<Webhook>,
    /// Cancels the `setWebhook` call that waits for its host name to be resolved.
    pub(crate) pending_webhook: Option<CancellationToken>,
    /// `setWebhook` is throttled until then.
    pub(crate) set_webhook_from: Timestamp,
    /// The kinds of update the bot asked for, or none for the default.
    pub(crate) allowed_updates: Option<Vec<String>>,
    pub(crate) polling: Polling,
    pub(crate) faults: Faults,
    /// The addresses to which webhook requests for a host are sent.
    pub(crate) routes: HashMap<String, SocketAddr>,
    pub(crate) strict: bool,
    /// The public URL of the bot, as the program that started the sandbox gave it.
    pub(crate) public_url: Option<String>,
    pub(crate) conversations: Conversations,
    pub(crate) callback_queries: CallbackQueries,
    pub(crate) presses: Presses,
    pub(crate) members: Members,
    pub(crate) presence: Presence,
    pub(crate) update_log: UpdateLog,
    /// Bot commands by scope and language.
    pub(crate) commands: BTreeMap<String, Value>,
    /// What the bot set about itself, such as its name.
    pub(crate) profile: BTreeMap<&'static str, Value>,
    pub(crate) files: Files,
    pub(crate) calls: History<ReceivedCall>,
    pub(crate) deliveries: History<DeliveryAttempt>,
}

impl State {
    /// Queues an update of any kind. Returns none if the bot does not receive it.
    pub(crate) fn push(&mut self, now: Timestamp, kind: &str, content: &Value) -> Option<UpdateId> {
        self.conversations.add_chats_of(content);
        if let Some(id) = content.get("id").and_then(Value::as_str).filter(|_| kind == "callback_query") {
            self.callback_queries.add(id, now);
        }
        self.push_encoded(now, PendingUpdate::new(now, kind, content, ascii_json::encode(content)))
    }

    /// Queues an update. Returns none if the bot does not receive it.
    pub(crate) fn push_encoded(&mut self, now: Timestamp, update: PendingUpdate) -> Option<UpdateId> {
        if !self.receives(&update.kind) {
            return None;
        }
        let id = self.backlog.push(update.clone())?;
        self.update_log.push(LoggedUpdate { id, at: now, update });
        Some(UpdateId(id))
    }

    /// Queues an update again that was delivered. Returns whether it was: one that is pending is not.
    pub(crate) fn push_again(&mut self, now: Timestamp, id: UpdateId) -> bool {
        let Some(logged) = self.update_log.get(id.0) else { return false };
        let update = logged.update.clone();
        self.backlog.push_again(now, id.0, update)
    }

    /// Whether the bot receives updates of this kind.
    pub(crate) fn receives(&self, kind: &str) -> bool {
        match &self.allowed_updates {
            Some(allowed) => allowed.iter().any(|name| name == kind),
            None => received_by_default(kind),
        }
    }

    /// Makes this the bot's webhook. The caller must start its sender.
    pub(crate) fn install_webhook(&mut self, request: WebhookRequest, target: Target) -> Arc<SenderHandle> {
        self.erase_webhook();
        let webhook = Webhook::new(request, target);
        let sender = Arc::clone(&webhook.sender);
        self.webhook = Some(webhook);
        sender
    }

    /// Removes the webhook and cuts its connections; updates in flight are pending again. Returns whether there
    /// was one.
    pub(crate) fn erase_webhook(&mut self) -> bool {
        self.backlog.unload();
        self.webhook.take().map(|webhook| webhook.sender.cut.cancel()).is_some()
    }

    /// The webhook as the control API shows it.
    pub(crate) fn webhook_record(&self) -> Option<WebhookRecord> {
        self.webhook.as_ref().map(|Webhook { request, .. }| WebhookRecord {
            url: request.url.clone(),
            secret: request.secret.clone(),
            allowed_updates: self.allowed_updates.clone().unwrap_or_default(),
            max_connections: request.max_connections,
        })
    }

    /// The webhook, if this sender still belongs to it.
    pub(crate) fn webhook_of(&mut self, sender: &Arc<SenderHandle>) -> Option<&mut Webhook> {
        self.webhook.as_mut().filter(|webhook| Arc::ptr_eq(&webhook.sender, sender))
    }
}

/// Whether a bot receives updates of this kind when it set no `allowed_updates`.
pub(crate) fn received_by_default(kind: &str) -> bool {
    !NOT_BY_DEFAULT.contains(&kind)
}
