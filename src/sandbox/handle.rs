//! The handle by which a program or a test controls a sandbox and reads what happened in it.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;

use super::bot::TOKEN;
use super::records::{DeliveryAttempt, Message, NOT_RECEIVED, ReceivedCall, WebhookRecord};
use super::shared::Shared;
use super::state::backlog::PendingUpdate;
use super::state::faults::Fault;
use super::state::{State, queue};
use crate::update::UpdateId;

/// A running sandbox. Clones are handles to the same sandbox.
#[derive(Clone, Debug)]
pub struct Sandbox {
    pub(super) shared: Arc<Shared>,
}

impl Sandbox {
    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.shared.addr
    }

    /// The base URL of its Bot API, without a trailing slash.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.addr)
    }

    /// Sends webhook requests for this host, http or https on any port, to `addr` in plain HTTP, like a
    /// platform that ends TLS before the service.
    pub fn route(&self, host: &str, addr: SocketAddr) {
        self.shared.change(|state, _| state.routes.insert(host.to_owned(), addr));
    }

    /// Turns the rules of the public Bot API on or off: webhooks use https on its four ports at public
    /// addresses only, and the bot cannot write to a chat that never wrote to it.
    pub fn set_strict(&self, strict: bool) {
        self.shared.change(|state, _| state.strict = strict);
    }

    /// Sets the public URL of the bot, which [`variables`](Self::variables) then contains.
    pub fn set_public_url(&self, public_url: &str) {
        self.shared.change(|state, _| state.public_url = Some(public_url.to_owned()));
    }

    /// The environment variables with which a bot uses this sandbox in place of Telegram.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let public_url = self.shared.lock().public_url.clone().map(|url| ("PUBLIC_URL", url));
        let api = [("TELEGRAM_API_URL", self.api_url()), ("TELEGRAM_BOT_TOKEN", TOKEN.to_owned())];
        api.into_iter().chain(public_url).collect()
    }

    /// Queues an update of any kind as Telegram would. Returns [`NOT_RECEIVED`] if the bot does not receive it.
    pub fn push(&self, kind: &str, content: impl Into<Value>) -> UpdateId {
        let content = content.into();
        self.shared.change(|state, now| state.push(now, kind, &content)).unwrap_or(NOT_RECEIVED)
    }

    /// Queues an update whose content is given as bytes, which need not be UTF-8: Telegram copies the `data` of
    /// a callback query unchanged from a user's client.
    #[expect(clippy::must_use_candidate, reason = "callers may want the effect only")]
    pub fn push_raw(&self, kind: &str, queue: i64, content: &[u8]) -> UpdateId {
        let content = bytes::Bytes::copy_from_slice(content);
        let push = |state: &mut State, now| {
            let expires_at = queue::expires_at(kind, &Value::Null, now);
            let kind = kind.to_owned();
            state.push_encoded(now, PendingUpdate { kind, content, queue, chat: None, expires_at, attempts: 0 })
        };
        self.shared.change(push).unwrap_or(NOT_RECEIVED)
    }

    /// The messages of one chat, or of all chats, in the order in which they were written.
    #[must_use]
    pub fn messages(&self, chat: Option<i64>) -> Vec<Message> {
        let state = self.shared.lock();
        state.conversations.messages().filter(|message| chat.is_none_or(|chat| message.chat == chat)).cloned().collect()
    }

    /// The messages after the one with this id, in the order in which they were written.
    #[must_use]
    pub fn messages_after(&self, message_id: i64) -> Vec<Message> {
        self.shared.lock().conversations.messages_after(message_id)
    }

    /// The name of a chat: a person's first name, or a group's title.
    #[must_use]
    pub fn chat_name(&self, chat: i64) -> Option<String> {
        let state = self.shared.lock();
        let chat = state.conversations.chats.get(&chat)?;
        chat["title"].as_str().or(chat["first_name"].as_str()).map(ToOwned::to_owned)
    }

    /// Every Bot API call that was received, refused calls included.
    #[must_use]
    pub fn calls(&self) -> Vec<ReceivedCall> {
        self.shared.lock().calls.list()
    }

    /// Every attempt to deliver an update, in the order in which they began.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryAttempt> {
        self.shared.lock().deliveries.list()
    }

    /// The webhook that is set.
    #[must_use]
    pub fn webhook(&self) -> Option<WebhookRecord> {
        self.shared.lock().webhook_record()
    }

    /// The number of updates that are not acknowledged, those in flight included.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.shared.lock().backlog.len()
    }

    /// Returns once every update is acknowledged or dropped.
    pub async fn idle(&self) {
        self.until(|sandbox| sandbox.pending() == 0).await;
    }

    /// Returns once `holds` is true. It is called now and after each change of the sandbox.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) {
        self.shared.wait_for(|| holds(self).then_some(())).await;
    }

    /// Makes the following calls fail. Of the faults that match a call, the oldest applies.
    pub fn add_fault(&self, fault: Fault) {
        self.shared.change(|state, _| state.faults.add(fault));
    }

    /// The active faults, oldest first.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.shared.lock().faults.list()
    }

    /// Removes all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|state, _| state.faults.clear());
    }
}
