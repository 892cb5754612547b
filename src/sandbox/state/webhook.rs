//! A webhook that is set: what `setWebhook` asked for, and the state of its delivery.

use jiff::Timestamp;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::connection_ramp::ConnectionRamp;
use super::target::Target;

/// A webhook that is set.
#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) request: WebhookRequest,
    /// The sender's part. A changed webhook gets a new one.
    pub(crate) sender: Arc<SenderHandle>,
    pub(crate) connections: ConnectionRamp,
    /// Time and text of the latest failed delivery. They remain after recovery.
    pub(crate) last_error: Option<(Timestamp, String)>,
    /// Since when every response was 410.
    pub(crate) gone_since: Option<Timestamp>,
}

/// The parameters of a `setWebhook` call that define the webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WebhookRequest {
    pub(crate) url: String,
    pub(crate) secret: Option<String>,
    pub(crate) max_connections: u32,
    pub(crate) ip_address: Option<String>,
    pub(crate) has_certificate: bool,
}

/// What the tasks that send to one webhook share with the state.
#[derive(Debug)]
pub(crate) struct SenderHandle {
    pub(crate) target: Target,
    secret: Option<String>,
    /// Cuts every connection and what is in flight on it.
    pub(crate) cut: CancellationToken,
    /// Notified after each change of the state.
    pub(crate) changed: Notify,
    /// Notified once for each update that an idle connection can send.
    pub(crate) work: Notify,
}

impl Webhook {
    pub(crate) fn new(request: WebhookRequest, target: Target) -> Self {
        let sender = Arc::new(SenderHandle {
            target,
            secret: request.secret.clone(),
            cut: CancellationToken::new(),
            changed: Notify::new(),
            work: Notify::new(),
        });
        Self { request, sender, connections: ConnectionRamp::new(), last_error: None, gone_since: None }
    }

    /// Whether `setWebhook` with these parameters changes nothing. A certificate counts as a change, because it is
    /// uploaded each time.
    pub(crate) fn is_set_by(&self, request: &WebhookRequest) -> bool {
        !request.has_certificate && self.request == *request
    }
}

impl SenderHandle {
    /// The whole HTTP request that delivers this body.
    pub(crate) fn http_request(&self, body: &[u8]) -> Vec<u8> {
        [self.target.request_head(self.secret.as_deref(), body.len()).as_bytes(), body].concat()
    }
}
