//! Explains errors of Telegram in plain words, where they are known. It never guesses.
//!
//! A text is matched by its structure: first the error code, as a number or as the words that Telegram begins with (`Bad
//! Request`, `Forbidden`, `Conflict`), then the complete phrase. A phrase inside another sentence does not match.
//!
//! The tables of phrases and explanations are one file per subject.

mod chats;
mod codes;
mod content;
mod delivery;
mod entry;
mod extract;
mod ours;
mod phrase;
mod refusals;
#[cfg(test)]
mod tests;

pub use entry::Explanation;

use entry::Entry;
use extract::{Candidate, End};

/// The tables of Telegram's descriptions. If two entries match, the first one counts.
const TABLES: [&[Entry]; 8] = [
    refusals::CONFLICTS,
    refusals::TOKEN,
    refusals::TROUBLE,
    delivery::WEBHOOK,
    delivery::FAILURES,
    chats::CHATS,
    content::CONTENT,
    content::METHOD,
];

/// The keys for which [`Explanation::is_transient`] is true.
const TRANSIENT: [&str; 13] = [
    "host_not_found",
    "address_reserved",
    "address_ipv6",
    "nothing_listens",
    "nobody_answers",
    "connection_cut",
    "connection_closed",
    "no_route",
    "certificate",
    "no_tls",
    "tls",
    "read_timeout",
    "write_timeout",
];

/// How Telegram begins when a webhook answered with an error status, in lower case.
const STATUS: &str = "wrong response from the webhook: ";

impl Explanation {
    /// Whether a `setWebhook` that is refused for this reason can succeed a moment later without a change of the settings:
    /// a name enters the DNS, a certificate is issued, a proxy starts.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        TRANSIENT.contains(&self.key)
    }
}

/// Explains an error, if it is known. The text may be `last_error_message` of `getWebhookInfo`, the description with which
/// the Bot API refuses a call, either one with what a library or a log line puts around it, JSON, or a bare error code.
#[must_use]
pub fn explain(text: &str) -> Option<Explanation> {
    extract::descriptions(text).iter().find_map(|text| explain_text(text))
}

fn explain_text(text: &str) -> Option<Explanation> {
    if let Some((_, status)) = text.split_once(STATUS) {
        let status = status.split([' ', '.', '"', '\n']).next().unwrap_or_default();
        return of_code(codes::WEBHOOK_STATUSES, status);
    }
    if let Some(code) = extract::bare_code(text) {
        return of_code(codes::CODES, &code.to_string());
    }
    let of_telegram = extract::candidates(text).into_iter().find_map(|candidate| of_candidate(&candidate));
    of_telegram.or_else(|| {
        let starts = extract::sentence_starts(text);
        find(ours::OURS.iter(), |phrase| starts.iter().any(|start| phrase::fits(phrase, start, End::Boundary)))
    })
}

fn of_code(table: &'static [Entry], code: &str) -> Option<Explanation> {
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_digit());
    find(table.iter().filter(|_| is_code), |phrase| phrase::fits(phrase, code, End::Text))
}

fn of_candidate(candidate: &Candidate<'_>) -> Option<Explanation> {
    // The whole text carries no code. It must then be a phrase itself, and not only a code in words.
    let whole = candidate.end == End::Text;
    let entries = TABLES.into_iter().flatten().filter(|entry| whole || entry.code == candidate.code);
    find(entries, |phrase| !(whole && phrase.is_empty()) && phrase::fits(phrase, candidate.words, candidate.end))
}

fn find(mut entries: impl Iterator<Item = &'static Entry>, fits: impl Fn(&str) -> bool) -> Option<Explanation> {
    entries.find(|entry| entry.phrases.iter().any(|phrase| fits(phrase))).map(|entry| entry.explanation)
}
