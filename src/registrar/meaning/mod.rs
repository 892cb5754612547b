//! Errors of Telegram in plain words, where they are known: nothing is guessed.

mod delivery;
mod refusals;
mod statuses;

use serde::Serialize;

/// What an error of Telegram comes from and means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// The cause and what it means, without a full stop.
    pub means: &'static str,
    /// What the operator can do, a whole sentence.
    pub remedy: &'static str,
}

/// Words of Telegram, what they mean, and what to do about it.
type Entry = (&'static str, &'static str, &'static str);

/// What an error means, where that is known: `last_error_message` of `getWebhookInfo`, or the
/// description with which the Bot API refuses a call, the four conflicts (409) among them.
#[must_use]
pub fn meaning(message: &str) -> Option<Meaning> {
    if let Some(status) = message.split_once(STATUS).map(|(_, status)| status) {
        return statuses::of(status.split(' ').next().unwrap_or_default());
    }
    let tables = [&refusals::CONFLICTS[..], &refusals::REFUSALS, &delivery::FAILURES];
    let mut entries = tables.into_iter().flatten();
    entries.find(|(words, ..)| message.contains(words)).map(|(_, means, remedy)| Meaning { means, remedy })
}

/// How Telegram begins when a webhook answered, but not well.
const STATUS: &str = "Wrong response from the webhook: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_telegram_is_put_into_plain_words() {
        for (message, words) in [
            ("Wrong response from the webhook: 401 Unauthorized", "secret token"),
            ("Wrong response from the webhook: 403 Forbidden", "before it"),
            ("Wrong response from the webhook: 404 Not Found", "no such path"),
            ("Wrong response from the webhook: 302 Found", "redirects"),
            ("Wrong response from the webhook: 410 Gone", "23 h"),
            ("Wrong response from the webhook: 502 Bad Gateway", "proxy"),
            ("Wrong response from the webhook: 530 <none>", "failed"),
            ("Wrong response from the webhook: 100 Continue", "1xx"),
            ("Connection refused", "nothing listens"),
            ("Connection timed out", "nobody answers"),
            ("Connection reset by peer", "was cut"),
            ("Broken pipe", "was cut"),
            ("No route to host", "no way"),
            ("Network is unreachable", "no way"),
            ("Read timeout expired", "60 s"),
            ("Write timeout expired", "60 s"),
            ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "self-signed"),
            ("SSL error {error:0A00010B:SSL routines::wrong version number}", "no TLS"),
            ("SSL error {error:0A000410:SSL routines::ssl/tls alert handshake failure}", "TLS"),
            ("Bad Request: bad webhook: Failed to resolve host: Name or service not known", "DNS"),
            ("Unsupported Media Type: unsupported content-encoding", "compressed"),
            ("Request Entity Too Large: too many parameters", "1 MiB"),
            ("Bad Request: unexpected end of request content", "broken off"),
            ("Request Header Fields Too Large: total headers size exceeded", "headers"),
            ("Unimplemented: unsupported transfer-encoding", "transfer"),
            ("Bad Request: bad webhook: IP address 10.0.0.1 is reserved", "private"),
            ("Bad Request: bad webhook: IPv6-only addresses are not allowed", "IPv4"),
            ("Bad Request: bad webhook: An HTTPS URL must be provided for webhook", "https"),
            ("Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443", "port"),
            ("Bad Request: invalid webhook URL specified", "URL"),
            ("Bad Request: secret token contains unallowed characters", "secret token"),
            ("Bad Request: secret token is too long", "secret token"),
            ("Unauthorized: invalid token specified", "token"),
            ("Not Found", "token"),
            ("Misdirected Request: unallowed token specified", "token"),
            ("Logged out", "logged out"),
            ("Internal Server Error: restart", "restarting"),
            ("Too Many Requests: retry after 1", "too often"),
        ] {
            let meaning = meaning(message).unwrap_or_else(|| panic!("{message}"));
            assert!(meaning.means.contains(words), "{message}: {meaning:?}");
        }
    }

    #[test]
    fn each_conflict_is_told_apart() {
        for (message, words, remedy) in [
            (
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook \
                 first",
                "while the webhook is set",
                "Do not delete the webhook",
            ),
            ("Conflict: terminated by setWebhook request", "was polling when the webhook was set", "Stop"),
            ("Conflict: terminated by other setWebhook", "at the same moment", "tries again"),
            (
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
                "two programs poll",
                "neither of them is Doorbell",
            ),
        ] {
            let meaning = meaning(message).unwrap_or_else(|| panic!("{message}"));
            assert!(meaning.means.contains(words) && meaning.remedy.contains(remedy), "{message}: {meaning:?}");
        }
    }

    #[test]
    fn every_entry_is_written_alike() {
        let tables = [&refusals::CONFLICTS[..], &refusals::REFUSALS, &delivery::FAILURES];
        for (words, means, remedy) in tables.into_iter().flatten() {
            assert!(!means.ends_with('.') && remedy.ends_with('.'), "{words}");
        }
        for status in (100..600).filter_map(|status| statuses::of(&status.to_string())) {
            assert!(!status.means.ends_with('.') && status.remedy.ends_with('.'), "{status:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(meaning("Something new"), None);
        assert_eq!(meaning("Wrong response from the webhook: 418 I'm a teapot"), None);
    }
}
