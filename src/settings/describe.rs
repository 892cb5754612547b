//! Describes values in problems. The description of a secret contains only its length and the kinds of its
//! characters.

use toml::Value;
use toml::de::DeValue;
use url::Url;

use super::problem::Refusal;
use crate::humanize::{self, shortened};

/// At most this many characters of a value are shown.
const SHOWN: usize = 80;

/// Describes a value that is not a secret. It is masked if it looks like one.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(string) if string.is_empty() => "nothing".to_owned(),
        Value::String(string) => format!("\"{}\"", text(string)),
        Value::Table(_) => "a table".to_owned(),
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) => {
            text(&value.to_string())
        }
    }
}

/// Describes a text that is not a secret. It is masked if it looks like one.
pub(super) fn text(text: &str) -> String {
    if looks_secret(text) {
        return format!("{}, not shown because they look like a secret", secret(text));
    }
    let shown: String = shortened(text, SHOWN).chars().flat_map(char::escape_debug).collect();
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

/// The type of a value, as a settings file calls it.
pub(super) fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Describes a secret by its length and by the characters that are probably the mistake.
pub(super) fn secret(secret: &str) -> String {
    let count = |belongs: fn(char) -> bool| secret.chars().filter(|c| belongs(*c)).count();
    let classes = [
        ("a line break", "line breaks", count(|c| matches!(c, '\n' | '\r'))),
        ("white space", "white space", count(|c| c.is_whitespace() && !matches!(c, '\n' | '\r'))),
        ("a quotation mark", "quotation marks", count(|c| matches!(c, '"' | '\'' | '`'))),
        ("a control character", "control characters", count(|c| c.is_control() && !c.is_whitespace())),
        ("not ASCII", "not ASCII", count(|c| !c.is_ascii() && !c.is_whitespace() && !c.is_control())),
    ];
    let length = humanize::count(secret.chars().count() as u64, "character", "characters");
    let remarks = classes.into_iter().filter_map(|(one, many, count)| match count {
        0 => None,
        1 => Some(format!("one of them {one}")),
        count => Some(format!("{count} of them {many}")),
    });
    std::iter::once(length).chain(remarks).collect::<Vec<_>>().join(", ")
}

/// A URL: scheme, host and port, and which other parts it has.
pub(super) fn url(url: &Url) -> String {
    let mut parts = Vec::new();
    if !url.username().is_empty() || url.password().is_some() {
        parts.push("a user name or password");
    }
    if !matches!(url.path(), "" | "/") {
        parts.push("a path");
    }
    if url.query().is_some() {
        parts.push("a query");
    }
    if url.fragment().is_some() {
        parts.push("a fragment");
    }
    let host = url.host_str().map(text).unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let described = format!("{}://{host}{port}", url.scheme());
    match parts.as_slice() {
        [] => described,
        parts => format!("{described} with {}", parts.join(", ")),
    }
}

/// Whether a URL parses to a host that was not meant.
///
/// A parser ends the host at the first `/`, `?` or `#`, and drops tabs and line breaks. If a password contains one of
/// these, the parser takes the user name for the host, and the rest of the password for a port, a path or a query:
/// parts that are logged, resolved by DNS and passed to libraries. Such a URL has an `@` after the host, or two before.
pub(super) fn is_misleading(url: &str) -> bool {
    let url = url.trim();
    let Some((_, rest)) = url.split_once("://") else { return false };
    let host_ends = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(host_ends);
    rest.contains('@') || authority.matches('@').count() > 1 || url.contains(char::is_control)
}

/// Refuses a misleading URL. The text contains no part of it.
pub(super) fn misleading() -> Refusal {
    Refusal::new(
        "a URL that does not mean what was written; it is not shown",
        format!("a character of the user name or the password has another meaning there; {ENCODED}"),
    )
}

/// How a user name or password is written in a URL.
pub(super) const ENCODED: &str = "in a user name and a password write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A \
                                  and % as %25";

/// Whether a text looks like a bot token, or like a URL with a password.
pub(super) fn looks_secret(text: &str) -> bool {
    let password = text.rsplit_once('@').is_some_and(|(before, _)| before.contains(':'));
    let token = text.match_indices(':').any(|(at, _)| {
        let id = text[..at].bytes().rev().take_while(u8::is_ascii_digit).count();
        let hash = text[at + 1..].bytes().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')).count();
        id >= 5 && hash >= 20
    });
    password || token
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_described_and_not_shown() {
        assert_eq!(secret("abc"), "3 characters");
        assert_eq!(secret("a\nb"), "3 characters, one of them a line break");
        assert_eq!(
            secret("\"ä \""),
            "4 characters, one of them white space, 2 of them quotation marks, one of them not ASCII"
        );
    }

    #[test]
    fn a_text_that_looks_like_a_secret_is_not_shown() {
        for secret in ["https://api.telegram.org/bot123456:AAE-abcdefghijklmnopqrstuvwxyz", "postgres://me:word@db/bot"]
        {
            let shown = text(secret);
            assert!(!shown.contains("AAE") && !shown.contains("word"), "{shown}");
        }
        assert_eq!(text("plain \"text\"\n"), "plain \"text\"\\n");
    }

    #[test]
    fn a_misleading_url_is_detected() {
        for url in [
            "postgres://u:2024/word@host/db",
            "postgres://u:p@ss/word@host/db",
            "postgres://u:p@ss@host/db",
            "postgres://u:20?word@host/db",
            "postgres://u:20#word@host/db",
            "postgres://u@me:word@host/db",
            "postgres://?host=/run&user=me&password=wo@rd",
            "https://u:20/word@host",
            "https://u:20\\word@host",
            "postgres://u:wo\trd@host/db",
            "postgres://u:word@host/\ndb",
        ] {
            assert!(is_misleading(url), "{url}");
        }
        for url in [
            "postgres://u:p%40ss%2Fword@host:5432/db?sslmode=require",
            "postgres://:word@host/db",
            "postgres://u:wo:rd@host/db",
            "postgres://localhost:5432/db",
            " https://bot.example.org/path?query#fragment\n",
            "sqlite:data/me@home.db",
        ] {
            assert!(!is_misleading(url), "{url}");
        }
    }

    #[test]
    fn the_host_of_a_url_is_shown_and_its_other_parts_are_named() {
        let described = url(&Url::parse("https://u:pw@example.org:8443/p?q#f").unwrap());
        assert_eq!(described, "https://example.org:8443 with a user name or password, a path, a query, a fragment");
    }
}
