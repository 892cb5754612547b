use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where the bot wants its updates: what it said with `setWebhook` at the gateway.
///
/// It is stored as JSON. A version of the program ignores a field that it does not know, and uses the default for a
/// missing one. The path of the URL is often a secret, so neither form of `Debug` shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// The URL exactly as the bot wrote it. The bot believes that it is public.
    pub url: String,
    /// The secret token that the bot expects with each update.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_token: Option<String>,
    /// The kinds of updates that the bot wants. `None`: as before, or Telegram's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_updates: Option<Vec<String>>,
    /// How many updates the bot wants at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// When the bot called `setWebhook`, in milliseconds of Unix time. Each is later than the one before it, also on
    /// another instance whose clock is behind.
    #[serde(default)]
    pub set_at: i64,
    /// Whether the bot has called `deleteWebhook` since. Its updates wait in the inbox then.
    #[serde(default)]
    pub is_paused: bool,
}

impl Target {
    /// Whether another `setWebhook` was later than this one. Of two at the same moment, the stored one counts.
    fn precedes(&self, stored: &Self) -> bool {
        let is_same = *self == Self { is_paused: self.is_paused, ..stored.clone() };
        self.set_at < stored.set_at || (self.set_at == stored.set_at && !is_same)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("is_paused", &self.is_paused).finish_non_exhaustive()
    }
}

/// The target of the bot, now and whenever it changes. Clones share it: the gateway writes it, and the forward, the
/// registrar and the routes read it.
#[derive(Clone, Debug)]
pub struct Targets(Arc<watch::Sender<Option<Target>>>);

impl Default for Targets {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Targets {
    /// The current target. `None` until the bot has called `setWebhook` once.
    #[must_use]
    pub fn current(&self) -> Option<Target> {
        self.0.borrow().clone()
    }

    /// Replaces the target.
    pub fn set(&self, target: Target) {
        self.0.send_replace(Some(target));
    }

    /// Sets a target that was stored earlier, unless the bot has set one since the start.
    pub fn restore(&self, target: Target) {
        self.0.send_if_modified(|current| {
            let is_first = current.is_none();
            if is_first {
                *current = Some(target);
            }
            is_first
        });
    }

    /// Takes the target that the store has, if its `setWebhook` came at another instance and after the one that is known
    /// here. A `deleteWebhook` concerns the instance at which it came: an old copy of the bot that ends must not pause the
    /// others. Returns whether it was taken.
    #[must_use]
    pub fn adopt(&self, stored: Target) -> bool {
        self.0.send_if_modified(|current| {
            let is_newer = current.as_ref().is_none_or(|known| known.precedes(&stored));
            if is_newer {
                *current = Some(stored);
            }
            is_newer
        })
    }

    /// The target, now and whenever it changes.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Target>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target {
            url: url.to_owned(),
            secret_token: Some("secret_1".to_owned()),
            allowed_updates: None,
            max_connections: None,
            set_at: 1,
            is_paused: false,
        }
    }

    #[test]
    fn a_stored_target_does_not_replace_what_the_bot_has_set_since() {
        let targets = Targets::default();
        targets.restore(target("http://127.0.0.1/old"));
        assert_eq!(targets.current(), Some(target("http://127.0.0.1/old")));
        targets.set(target("http://127.0.0.1/new"));
        targets.restore(target("http://127.0.0.1/old"));
        assert_eq!(targets.current(), Some(target("http://127.0.0.1/new")));
    }

    #[test]
    fn the_newest_setwebhook_of_all_instances_is_adopted_and_a_pause_of_another_is_not() {
        let targets = Targets::default();
        let at = |set_at, url| Target { set_at, ..target(url) };
        assert!(targets.adopt(at(5, "http://a/")), "there was none");
        assert!(!targets.adopt(at(4, "http://b/")));
        assert!(!targets.adopt(Target { is_paused: true, ..at(5, "http://a/") }));
        assert!(targets.adopt(at(5, "http://b/")), "both instances must end with the same");
        targets.set(Target { is_paused: true, ..at(5, "http://b/") });
        assert!(!targets.adopt(at(5, "http://b/")), "it stays paused");
        assert!(targets.adopt(at(6, "http://b/")));
        assert!(targets.current().is_some_and(|target| !target.is_paused));
    }

    #[test]
    fn no_debug_form_shows_the_url_or_the_secret() {
        let shown = format!("{:?} {:#?}", target("http://127.0.0.1/CANARY"), Targets::default());
        assert!(!shown.contains("CANARY") && !shown.contains("secret_1"), "{shown}");
    }
}
