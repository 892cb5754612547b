//! Scenes: what other programs with the same token do to a service that relies on its webhook.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Sandbox;
use super::conflicts::Polled;
use super::records::ReceivedCall;
use super::reply::{Params, Reply};
use super::webhook::Begun;
use super::world::World;

impl Sandbox {
    /// An old polling copy of the bot starts somewhere: it deletes the webhook, as such bots do, and
    /// asks for updates once. It confirms none, so none is lost.
    pub fn polling_copy(&self) {
        self.shared.change(|world, now| {
            let reply = world.delete_webhook(&Params::default());
            note(world, now, "deleteWebhook", &json!({}), reply.code);
            let params = Params::default();
            let code = match world.get_updates(now, &params) {
                Polled::Answer(reply) | Polled::Conflict((reply, _)) => reply.code,
                Polled::Wait { .. } => 200,
            };
            note(world, now, "getUpdates", &json!({"offset": 0}), code);
        });
    }

    /// Another service takes the webhook, with no secret token. A host whose address would have to
    /// be asked for gets no updates. The error is the Bot API's refusal.
    ///
    /// # Errors
    ///
    /// When the URL cannot be a webhook.
    pub fn second_service(&self, url: &str) -> Result<(), String> {
        let taken = self.shared.change(|world, now| {
            // This is another program's call: it is not held to our pace of one in a second.
            world.next_set_at = Timestamp::MIN;
            let params = json!({"url": url});
            let set = match world.set_webhook(now, &Params(object(&params))) {
                Begun::Answer(reply) => Err(reply),
                Begun::Check(plan) => {
                    let target = plan.target.clone();
                    world.finish_webhook(*plan, Ok(target))
                }
            };
            note(world, now, "setWebhook", &params, set.as_ref().map_or_else(|reply| reply.code, |_| 200));
            world.next_set_at = Timestamp::MIN;
            set
        });
        match taken {
            Ok(actor) => self.shared.start_sender(actor),
            Err(Reply { code: 200, .. }) => {}
            Err(reply) => return Err(String::from_utf8_lossy(&reply.body).into_owned()),
        }
        Ok(())
    }

    /// The webhook stays, and its secret token becomes another, which the service does not know.
    /// Does nothing without a webhook.
    pub fn changed_secret(&self, secret: &str) {
        if let Some(actor) = self.shared.change(|world, _| world.change_secret(secret)) {
            self.shared.start_sender(Arc::clone(&actor));
        }
    }
}

fn note(world: &mut World, at: Timestamp, method: &str, params: &Value, code: u16) {
    let (method, params) = (method.to_owned(), object(params));
    world.calls.push(ReceivedCall { at, method, params, code: Some(code), in_webhook_answer: false });
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
