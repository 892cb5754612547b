//! The webhook of the bot as it sees it: what it has set here is the target of the forward.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::once::Once;
use super::params::Params;
use super::refusal::Refusal;
use super::set_webhook::SetWebhook;
use crate::clock::{SharedClock, elapsed};
use crate::handler::forward::{Target, Targets};
use crate::http::listener::ConnectionId;
use crate::humanize::count;
use crate::inbox::{Inbox, Stored, SurveyCache};

/// Why the last update could not be forwarded to the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// When it failed, by the time of day.
    pub at: Timestamp,
    /// The reason, for people.
    pub message: String,
}

/// Returns the last failure of the forward, if there was one.
pub(super) type LastFailure = Arc<dyn Fn() -> Option<Failure> + Send + Sync>;

/// Answers the calls that concern the webhook of the bot.
pub(super) struct BotWebhook {
    pub(super) targets: Targets,
    pub(super) inbox: Arc<dyn Inbox>,
    pub(super) survey: Arc<SurveyCache>,
    pub(super) last_failure: LastFailure,
    pub(super) allow_drop: bool,
    pub(super) clock: SharedClock,
    /// The last `setWebhook` since the start. The lock is held while a call changes the target.
    pub(super) last_set: Mutex<Option<LastSet>>,
    pub(super) drop_logged: Once,
}

/// A `setWebhook` of the bot.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastSet {
    at: Timestamp,
    connection: Option<ConnectionId>,
}

/// How long after a `setWebhook` another copy's `deleteWebhook` does not count. Platforms stop the old copy of a bot within
/// 30 s of the start of the new one.
const CHANGE_OF_COPIES: Duration = Duration::from_mins(1);

/// How long to wait for the store. The shortest deadline of a library is 5 s, and the target is set in any case.
const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What Telegram reports if the bot has not set it.
const DEFAULT_CONNECTIONS: u32 = 40;

impl LastSet {
    /// Whether a `deleteWebhook` is that of an older copy of the bot, which must not undo this `setWebhook`.
    ///
    /// While a platform replaces a copy, the old one calls `deleteWebhook` at its end, after the `setWebhook` of the new
    /// one. Copies cannot be told apart by their calls, so the rule is: the connection on which the `setWebhook` came
    /// belongs to the copy that made it, and its `deleteWebhook` counts. Any other does not count within
    /// [`CHANGE_OF_COPIES`]. Later, it does not count on a connection that is older than the `setWebhook`.
    fn precedes_older_copy(self, connection: Option<ConnectionId>, now: Timestamp) -> bool {
        let is_same = connection.is_some() && connection == self.connection;
        let is_older = connection.is_some_and(|connection| connection.opened < self.at);
        !is_same && (is_older || elapsed(self.at, now) < CHANGE_OF_COPIES)
    }
}

impl BotWebhook {
    /// Answers `setWebhook` without contacting the bot: most bots call it before they listen.
    pub(super) async fn set(&self, params: &Params, connection: Option<ConnectionId>) -> Result<Value, Refusal> {
        let Some(webhook) = SetWebhook::read(params)? else { return Ok(self.delete(params, connection).await) };
        let mut last_set = self.last_set.lock().await;
        // Before the target: the bot must not get an update that it does not want.
        self.drop_waiting(params, "setWebhook").await;
        let host = webhook.host();
        let target = webhook.into_target(self.targets.current(), self.clock.now());
        self.save(&target).await;
        self.targets.set(target);
        *last_set = Some(LastSet { at: self.clock.steady(), connection });
        tracing::info!(host, "the bot has set its webhook, and its updates are forwarded to it");
        Ok(json!({ "ok": true, "result": true, "description": "Webhook was set" }))
    }

    /// Answers `deleteWebhook`: updates wait in the inbox until the bot sets its webhook again.
    pub(super) async fn delete(&self, params: &Params, connection: Option<ConnectionId>) -> Value {
        let answer = |description| json!({ "ok": true, "result": true, "description": description });
        let last_set = self.last_set.lock().await;
        if last_set.is_some_and(|last| last.precedes_older_copy(connection, self.clock.steady())) {
            tracing::info!(
                "a deleteWebhook of the bot is ignored: it probably comes from an older copy, because another copy has \
                 called setWebhook since"
            );
            return answer("Webhook was deleted");
        }
        self.drop_waiting(params, "deleteWebhook").await;
        let Some(target) = self.targets.current().filter(|target| !target.is_paused) else {
            return answer("Webhook is already deleted");
        };
        let target = Target { is_paused: true, ..target };
        self.save(&target).await;
        self.targets.set(target);
        tracing::info!("the bot has removed its webhook: its updates wait here until it calls setWebhook again");
        answer("Webhook was deleted")
    }

    /// Answers `getWebhookInfo` with what the bot has set here. Telegram is not asked.
    pub(super) async fn info(&self) -> Value {
        // Some bots ask at their start, and end if it fails. The count is only for people, so a store that is away must not
        // end them.
        let waiting = self.survey.survey().await.map(|survey| survey.waiting + survey.held).unwrap_or_default();
        let target = self.targets.current().filter(|target| !target.is_paused);
        let mut info = json!({
            "url": target.as_ref().map(|target| target.url.as_str()).unwrap_or_default(),
            "has_custom_certificate": false,
            "pending_update_count": waiting,
        });
        if let Some(target) = target {
            info["max_connections"] = target.max_connections.unwrap_or(DEFAULT_CONNECTIONS).into();
            if let Some(kinds) = target.allowed_updates {
                info["allowed_updates"] = kinds.into();
            }
        }
        if let Some(failure) = (self.last_failure)() {
            info["last_error_date"] = failure.at.as_second().into();
            info["last_error_message"] = failure.message.into();
        }
        json!({ "ok": true, "result": info })
    }

    /// Stores the target. If the store does not answer, the target is valid until the process ends.
    async fn save(&self, target: &Target) {
        let text = serde_json::to_string(target).expect("a target is JSON");
        let saved = tokio::select! {
            saved = self.inbox.save(Stored::Target, &text) => saved.map_err(|error| error.to_string()),
            () = self.clock.sleep(STORE_PATIENCE) => Err("no answer within 2 s".to_owned()),
        };
        if let Err(error) = saved {
            tracing::warn!(
                error,
                "the webhook of the bot could not be stored: it is in use, but after a restart of Doorbell the bot must \
                 call setWebhook again"
            );
        }
    }

    /// Drops the waiting updates if the call asks for it and the settings permit it.
    async fn drop_waiting(&self, params: &Params, method: &'static str) {
        if !params.flag("drop_pending_updates") {
            return;
        }
        if !self.allow_drop {
            if self.drop_logged.first() {
                tracing::info!(
                    "the bot asks to drop the waiting updates (drop_pending_updates): they stay, because \
                     gateway.allow_drop is false"
                );
            }
            return;
        }
        let dropped = tokio::select! {
            dropped = self.inbox.drop_waiting() => dropped.map_err(|error| error.to_string()),
            () = self.clock.sleep(STORE_PATIENCE) => Err("no answer within 2 s".to_owned()),
        };
        match dropped {
            Ok(dropped) => {
                let updates = count(dropped, "update", "updates");
                tracing::info!(dropped, "dropped {updates}, because the bot's {method} asked for it");
            }
            Err(error) => tracing::warn!(
                error,
                "the bot's {method} asks to drop the waiting updates, and not all of them could be dropped: those that are \
                 left are forwarded to it"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn connection((number, opened): (u64, i64)) -> ConnectionId {
        ConnectionId { number, opened: at(opened) }
    }

    #[test]
    fn an_older_copys_delete_does_not_undo_a_newer_copys_set() {
        let set = LastSet { at: at(100), connection: Some(connection((2, 90))) };
        for (delete, now, is_ignored, why) in [
            (Some((1, 80)), 101, true, "an older connection of the old copy"),
            (Some((1, 80)), 10_000, true, "the same, much later"),
            (Some((3, 120)), 130, true, "a new connection, within the change of copies"),
            (Some((3, 120)), 160, false, "a new connection, later"),
            (Some((2, 90)), 101, false, "the connection of the setWebhook"),
            (Some((2, 90)), 10_000, false, "the same, much later"),
            (None, 130, true, "an unknown connection, within the change of copies"),
            (None, 160, false, "an unknown connection, later"),
        ] {
            assert_eq!(set.precedes_older_copy(delete.map(connection), at(now)), is_ignored, "{why}");
        }
    }
}
