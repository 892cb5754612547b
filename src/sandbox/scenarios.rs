//! Scenarios: the effects of other programs with the same token on a service that needs its webhook.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::handle::Sandbox;
use super::methods::updates::{self, GetUpdates};
use super::methods::webhook::{self, SetWebhook};
use super::records::ReceivedCall;
use super::sender;
use super::state::State;
use crate::telegram::Params;

impl Sandbox {
    /// Starts an old copy of the bot that polls: it deletes the webhook, as such bots do, and calls `getUpdates`
    /// once. It confirms no update, so none is lost.
    pub fn start_polling_copy(&self) {
        self.shared.change(|state, now| {
            let response = webhook::delete(state, &Params::default());
            record(state, now, "deleteWebhook", &Params::default(), response.code);
            let code = match updates::begin_get(state, now, &Params::default()) {
                GetUpdates::Done(response) => response.code,
                GetUpdates::Conflict(conflict) => conflict.response.code,
                GetUpdates::Wait { .. } => 200,
            };
            record(state, now, "getUpdates", &params("offset", 0), code);
        });
    }

    /// Lets another service take over the webhook, without a secret token. A host that only a name server
    /// could resolve gets no updates. The error is the response of the Bot API.
    ///
    /// # Errors
    ///
    /// When the URL is not a valid webhook.
    pub fn take_over_webhook(&self, url: &str) -> Result<(), String> {
        let params = params("url", url);
        let taken = self.shared.change(|state, now| {
            // The limit of one call in a second applies to each program on its own.
            state.set_webhook_from = Timestamp::MIN;
            let result = match webhook::begin_set(state, now, &params) {
                SetWebhook::Done(response) => Err(response),
                SetWebhook::Resolve(pending) => {
                    let target = pending.target.clone();
                    webhook::finish_set(state, *pending, Ok(target))
                }
            };
            record(state, now, "setWebhook", &params, result.as_ref().map_or_else(|response| response.code, |_| 200));
            state.set_webhook_from = Timestamp::MIN;
            result
        });
        match taken {
            Ok(handle) => sender::start(&self.shared, handle),
            Err(response) if response.code == 200 => {}
            Err(response) => return Err(String::from_utf8_lossy(&response.body).into_owned()),
        }
        Ok(())
    }

    /// Changes the secret token of the webhook, as another program's `setWebhook` would. Does nothing without a
    /// webhook.
    pub fn change_secret(&self, secret: &str) {
        let changed = self.shared.change(|state, _| {
            let webhook = state.webhook.as_ref()?;
            let (mut request, target) = (webhook.request.clone(), webhook.sender.target.clone());
            request.secret = Some(secret.to_owned());
            Some(state.install_webhook(request, target))
        });
        if let Some(handle) = changed {
            sender::start(&self.shared, handle);
        }
    }
}

fn record(state: &mut State, at: Timestamp, method: &str, params: &Params, code: u16) {
    state.calls.push(ReceivedCall { code: Some(code), ..ReceivedCall::new(at, method, params, false) });
}

fn params(name: &str, value: impl Into<Value>) -> Params {
    Params::from(Map::from_iter([(name.to_owned(), value.into())]))
}
