/// What an error that Telegram met with a webhook means, in plain words, where that is known:
/// `last_error_message` of `getWebhookInfo`, or the reason for which `setWebhook` was refused.
#[must_use]
pub fn meaning(message: &str) -> Option<&'static str> {
    if let Some(status) = message.strip_prefix("Wrong response from the webhook: ") {
        return of_status(status.split(' ').next().unwrap_or_default());
    }
    MEANINGS.iter().find(|(words, _)| message.contains(words)).map(|(_, meaning)| *meaning)
}

fn of_status(status: &str) -> Option<&'static str> {
    Some(match status {
        "401" | "403" => {
            "whoever answers does not know the secret token that Telegram sends: register again, with one secret token \
             for all instances"
        }
        "404" | "405" => "a server answers, but has no such path: the public URL leads to another service",
        "413" => "the server refuses updates of that size: it must take 513 KiB at least",
        "429" => "something before the service limits requests: let Telegram pass",
        "502" | "504" => "the platform's proxy found no running service: it was stopped, starting or crashed",
        "503" => "the service could not store updates for a while, or was starting or stopping",
        "301" | "302" | "303" | "307" | "308" => {
            "the public URL redirects, which Telegram does not follow: use the URL that it redirects to"
        }
        other if other.starts_with('5') => "the service, or what stands before it, failed",
        _ => return None,
    })
}

/// Telegram's words, those of OpenSSL and of the system's errors, as its server passes them on.
const MEANINGS: [(&str, &str); 14] = [
    ("Read timeout expired", "the service took longer than 60 s to answer"),
    ("Write timeout expired", "the service took longer than 60 s to take in a request"),
    ("Connection timed out", "nobody answers at that address: a firewall, or a machine that sleeps"),
    ("Connection refused", "nothing listens at that address and port: the service is not running there"),
    ("Connection reset by peer", "the connection was cut by the service, or by what stands before it"),
    ("Broken pipe", "the connection was cut by the service, or by what stands before it"),
    ("certificate verify failed", "the certificate is self-signed, out of date, or for another name"),
    ("SSL error", "TLS failed: the address speaks no https, or with a certificate Telegram does not accept"),
    ("Failed to resolve host", "the name is not in the DNS, or not yet"),
    ("is reserved", "the name leads to a private address, which Telegram does not ring"),
    ("IPv6-only", "the name has no IPv4 address, which Telegram needs"),
    ("HTTPS URL must be provided", "the public URL must begin with https"),
    ("only on ports", "the public URL must have the port 443, 80, 88 or 8443"),
    ("Logged out", "the bot was logged out of this Bot API server: it may come back after 10 minutes"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_telegram_is_put_into_plain_words() {
        for (message, words) in [
            ("Wrong response from the webhook: 401 Unauthorized", "secret token"),
            ("Wrong response from the webhook: 302 Found", "redirects"),
            ("Wrong response from the webhook: 599 Odd", "failed"),
            ("Connection refused", "not running"),
            ("SSL error {error:0A000086:SSL routines::certificate verify failed}", "self-signed"),
            ("Bad Request: bad webhook: Failed to resolve host: Name or service not known", "DNS"),
        ] {
            assert!(meaning(message).is_some_and(|meaning| meaning.contains(words)), "{message}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(meaning("Something new"), None);
        assert_eq!(meaning("Wrong response from the webhook: 418 I'm a teapot"), None);
    }
}
