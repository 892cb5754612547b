//! The kinds of updates that the bot behind the gateway asks for with its own `setWebhook`.

use std::time::Duration;

use tracing::Level;

use super::drift::set;
use super::step::{Owner, Phase, Request, Turn};
use crate::settings::unknown_kinds;

/// Changes within this time count as one: an old and a new copy of a bot, or a bot that starts, may say several things.
const SETTLE: Duration = Duration::from_secs(1);

/// At most this many unknown kinds are named in the log.
const NAMED: usize = 5;

impl Turn {
    /// A wait of the watch is over. Returns what to do because the bot asks for other kinds; `None` for a check of the
    /// webhook.
    pub(super) fn kinds_changed(&mut self) -> Option<Request> {
        if self.state.kinds.asked == self.now.kinds {
            return std::mem::take(&mut self.state.kinds.settling).then(|| self.wait_for_look());
        }
        if !std::mem::replace(&mut self.state.kinds.settling, true) {
            return Some(Request::Wait(SETTLE));
        }
        let is_ours = matches!(self.state.phase, Phase::Watching(Owner::Us { .. }));
        if !self.adopt_kinds() || !is_ours {
            return Some(self.wait_for_look());
        }
        self.log(Level::INFO, "The bot asks for other kinds of updates. Doorbell sets the webhook again with them.");
        Some(self.register())
    }

    /// From now on wants the kinds that the bot asks for, or those of the settings. Returns whether that is a change.
    pub(super) fn adopt_kinds(&mut self) -> bool {
        self.state.kinds.settling = false;
        if self.state.kinds.asked == self.now.kinds {
            return false;
        }
        self.state.kinds.asked.clone_from(&self.now.kinds);
        let asked = self.now.kinds.clone().unwrap_or_default();
        let (settings, before) = (self.state.kinds.settings.clone(), set(&self.state.wanted.allowed_updates));
        if settings.allowed_updates_are_set {
            let overrules = self.now.kinds.is_some() && set(&asked) != before;
            if overrules && !std::mem::replace(&mut self.state.kinds.overruled, true) {
                self.log(
                    Level::INFO,
                    "The bot asks in setWebhook for other kinds of updates than webhook.allowed_updates. The setting is \
                     used, because the operator has set it. Remove it to let the bot choose.",
                );
            }
            return false;
        }
        for unknown in unknown_kinds(&asked).iter().take(NAMED) {
            let sentence = format!(
                "The allowed_updates of the bot's setWebhook contain {unknown}. Telegram ignores names that it does not \
                 know. Correct the name in the bot."
            );
            self.log(Level::WARN, sentence);
        }
        self.state.wanted.allowed_updates = settings.with_kinds_of_bot(self.now.kinds.as_deref()).allowed_updates;
        set(&self.state.wanted.allowed_updates) != before
    }

    /// Where the wanted kinds come from, for advice to the operator.
    pub(super) fn source_of_kinds(&self) -> &'static str {
        if self.state.kinds.asked.is_some() && !self.state.wanted.allowed_updates_are_set {
            "the allowed_updates of the bot's setWebhook"
        } else {
            "the [webhook] settings"
        }
    }
}
