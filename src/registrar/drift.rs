use std::collections::BTreeSet;
use std::fmt;

use url::Url;

use super::wanted::{WantedWebhook, host_of};
use crate::telegram::{WEBHOOK_PATH, WebhookInfo};

/// One difference between the webhook at Telegram and the wanted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// There is none: another program called `deleteWebhook`, or it was never set.
    Empty,
    /// It leads to another service.
    Foreign {
        /// The host of that service.
        host: String,
    },
    /// It leads to our host, but to another path there.
    Url,
    /// Telegram sends other kinds of updates.
    AllowedUpdates {
        /// The kinds it sends; empty for its default.
        seen: Vec<String>,
    },
    /// Telegram opens more or fewer connections.
    MaxConnections {
        /// The number it opens at the same time.
        seen: u32,
    },
}

/// The differences; empty when the webhook is as wanted. A webhook that is empty or foreign has no other difference. The
/// secret token cannot be compared, because Telegram never shows it.
#[must_use]
pub fn drift(wanted: &WantedWebhook, seen: &WebhookInfo) -> Vec<Drift> {
    if seen.url.is_empty() {
        return vec![Drift::Empty];
    }
    if host_of(&seen.url) != wanted.host() {
        return vec![Drift::Foreign { host: host_of(&seen.url) }];
    }
    if let (Some(ours), Some(theirs)) = (path_before(&wanted.url), path_before(&seen.url))
        && ours != theirs
        && !ours.is_empty()
        && !theirs.is_empty()
    {
        return vec![Drift::Foreign { host: format!("{} (under another path)", wanted.host()) }];
    }
    let mut drift = Vec::new();
    if !same_url(&wanted.url, &seen.url) {
        drift.push(Drift::Url);
    }
    let kinds = seen.allowed_updates.as_deref().unwrap_or_default();
    if set(kinds) != set(&wanted.allowed_updates) {
        drift.push(Drift::AllowedUpdates { seen: kinds.to_vec() });
    }
    if let Some(most) = seen.max_connections.filter(|most| *most != wanted.max_connections) {
        drift.push(Drift::MaxConnections { seen: most });
    }
    drift
}

/// The owner of the webhook, and whether it is as wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// Ours, and as wanted or as Telegram settled it.
    Right,
    /// Another service's.
    Foreign { host: String },
    /// None, or ours with other parameters than wanted.
    Wrong(Drift),
}

/// Compares the webhook at Telegram with the wanted one. `settled` is what Telegram reported right after the webhook
/// was set: where it did not accept a parameter as wanted then, setting it again changes nothing.
pub(super) fn judge(wanted: &WantedWebhook, seen: &WebhookInfo, settled: Option<&WebhookInfo>) -> Judgement {
    let parameters = |info: &WebhookInfo| (info.url.clone(), info.allowed_updates.clone(), info.max_connections);
    match drift(wanted, seen).into_iter().next() {
        None => Judgement::Right,
        Some(Drift::Foreign { host }) => Judgement::Foreign { host },
        Some(Drift::AllowedUpdates { .. } | Drift::MaxConnections { .. })
            if Some(parameters(seen)) == settled.map(parameters) =>
        {
            Judgement::Right
        }
        Some(drift) => Judgement::Wrong(drift),
    }
}

/// The part of the path before [`WEBHOOK_PATH`]. Two such paths on one host are two services; a service that had no path, or
/// has none now, has moved.
fn path_before(url: &str) -> Option<String> {
    Some(Url::parse(url).ok()?.path().strip_suffix(WEBHOOK_PATH)?.to_owned())
}

/// Telegram stores the text of the URL as it was sent. Another spelling of the same URL is no difference.
fn same_url(a: &str, b: &str) -> bool {
    a == b || matches!((Url::parse(a), Url::parse(b)), (Ok(a), Ok(b)) if a == b)
}

/// Kinds are equal in any case and order.
pub(super) fn set(kinds: &[String]) -> BTreeSet<String> {
    kinds.iter().map(|kind| kind.to_ascii_lowercase()).collect()
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Telegram has no webhook for this bot"),
            Self::Foreign { host } => write!(f, "the webhook leads to another service, at {host}"),
            Self::Url => f.write_str("the webhook leads to this host, but to another path"),
            Self::AllowedUpdates { seen } if seen.is_empty() => {
                f.write_str("Telegram sends its default kinds of updates, not the wanted ones")
            }
            Self::AllowedUpdates { seen } => write!(f, "Telegram sends other kinds of updates: {}", seen.join(", ")),
            Self::MaxConnections { seen } => {
                write!(f, "Telegram opens at most {seen} connections, which is not the wanted number")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(kinds: &[&str]) -> WantedWebhook {
        let allowed_updates = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        WantedWebhook { allowed_updates, ..WantedWebhook::for_test(OURS) }
    }

    fn seen(url: &str, kinds: Option<&[&str]>) -> WebhookInfo {
        WebhookInfo {
            url: url.to_owned(),
            allowed_updates: kinds.map(|kinds| kinds.iter().map(|kind| (*kind).to_owned()).collect()),
            max_connections: Some(40),
            ..WebhookInfo::default()
        }
    }

    const OURS: &str = "https://a.example/telegram/webhook";

    #[test]
    fn a_webhook_as_wanted_has_no_drift() {
        assert_eq!(drift(&wanted(&[]), &seen(OURS, None)), []);
        assert_eq!(drift(&wanted(&[]), &seen(OURS, Some(&[]))), []);
        assert_eq!(drift(&wanted(&[]), &seen("https://A.example:443/telegram/webhook", None)), []);
    }

    #[test]
    fn kinds_of_updates_are_compared_as_a_set() {
        let two = wanted(&["message", "callback_query"]);
        assert_eq!(drift(&two, &seen(OURS, Some(&["callback_query", "Message"]))), []);
        let message = vec!["message".to_owned()];
        assert_eq!(drift(&two, &seen(OURS, Some(&["message"]))), [Drift::AllowedUpdates { seen: message.clone() }]);
        assert_eq!(drift(&two, &seen(OURS, None)), [Drift::AllowedUpdates { seen: vec![] }]);
        assert_eq!(drift(&wanted(&[]), &seen(OURS, Some(&["message"]))), [Drift::AllowedUpdates { seen: message }]);
    }

    #[test]
    fn a_missing_webhook_and_another_services_are_distinguished() {
        assert_eq!(drift(&wanted(&[]), &seen("", None)), [Drift::Empty]);
        let foreign = |host: &str| vec![Drift::Foreign { host: host.to_owned() }];
        assert_eq!(drift(&wanted(&[]), &seen("https://b.example/x", Some(&["poll"]))), foreign("b.example"));
        assert_eq!(drift(&wanted(&[]), &seen("https://a.example:8443/x", None)), foreign("a.example:8443"));
    }

    #[test]
    fn two_paths_on_one_host_are_two_services_and_a_moved_service_is_one() {
        let wanted = WantedWebhook::for_test;
        let (a, b) = ("https://a.example/a/telegram/webhook", "https://a.example/b/telegram/webhook");
        let foreign = [Drift::Foreign { host: "a.example (under another path)".to_owned() }];
        assert_eq!(drift(&wanted(a), &seen(b, None)), foreign);
        assert_eq!(drift(&wanted(a), &seen(a, None)), []);
        assert_eq!(drift(&wanted(a), &seen(OURS, None)), [Drift::Url]);
        assert_eq!(drift(&wanted(OURS), &seen(a, None)), [Drift::Url]);
    }

    #[test]
    fn another_path_and_other_limits_are_drift_of_our_webhook() {
        let mut seen = seen("https://a.example/old", None);
        seen.max_connections = Some(100);
        assert_eq!(drift(&wanted(&[]), &seen), [Drift::Url, Drift::MaxConnections { seen: 100 }]);
    }
}
