//! Errors of Telegram in plain words, where they are known: nothing is guessed.
//!
//! A text is matched by its structure: the code that it carries (as a number, or as the words with
//! which Telegram begins: `Bad Request`, `Forbidden`, `Conflict`), and then the whole phrase. A word
//! inside another sentence matches nothing.

mod chats;
mod codes;
mod content;
mod delivery;
mod method;
mod ours;
mod phrase;
mod refusals;
mod said;
mod statuses;
#[cfg(test)]
mod tests;
mod webhook;

use serde::Serialize;

use said::{End, Said};

/// What an error of Telegram comes from and means, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// Its name, which stays when the sentences change.
    pub key: &'static str,
    /// What happened and what it means, without a full stop.
    pub means: &'static str,
    /// What the operator can do, a whole sentence.
    pub remedy: &'static str,
}

impl Meaning {
    /// Whether a `setWebhook` that is refused for this reason can succeed a moment later without a
    /// change of the settings: a name enters the DNS, a certificate is issued, a proxy starts.
    #[must_use]
    pub fn heals_by_itself(&self) -> bool {
        HEALING.contains(&self.key)
    }
}

const HEALING: [&str; 13] = [
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

/// Phrases of Telegram that mean the same, and what that is.
struct Entry {
    key: &'static str,
    /// The error code that Telegram sends with them; none for texts that come without one.
    code: Option<u16>,
    /// In lower case, each whole: `+` stands for one word, `*` for anything in the same line.
    phrases: &'static [&'static str],
    means: &'static str,
    remedy: &'static str,
}

impl Entry {
    fn meaning(&self) -> Meaning {
        Meaning { key: self.key, means: self.means, remedy: self.remedy }
    }
}

/// Of two entries that match, the earlier counts.
fn entries() -> impl Iterator<Item = &'static Entry> {
    let refusals = refusals::CONFLICTS.iter().chain(&refusals::TOKEN).chain(&refusals::TROUBLE);
    let calls = chats::CHATS.iter().chain(&content::CONTENT).chain(&method::METHOD);
    refusals.chain(&webhook::WEBHOOK).chain(&delivery::FAILURES).chain(calls)
}

/// What an error means, where that is known: `last_error_message` of `getWebhookInfo`, the
/// description with which the Bot API refuses a call, either with what a library or a log line puts
/// around it, as JSON, or a bare error code.
#[must_use]
pub fn meaning(text: &str) -> Option<Meaning> {
    said::texts(text).iter().find_map(|text| of_text(text))
}

fn of_text(text: &str) -> Option<Meaning> {
    if let Some((_, status)) = text.split_once(STATUS) {
        return statuses::of(status.split([' ', '.', '"', '\n']).next().unwrap_or_default());
    }
    if let Some(code) = said::bare_code(text) {
        return codes::of(code);
    }
    let of_telegram = said::candidates(text).into_iter().find_map(|said| of_candidate(&said));
    of_telegram.or_else(|| {
        let starts = said::line_starts(text);
        let fits = |entry: &&Entry| {
            starts.iter().any(|start| entry.phrases.iter().any(|phrase| phrase::fits(phrase, start, End::Boundary)))
        };
        ours::OURS.iter().find(fits).map(Entry::meaning)
    })
}

fn of_candidate(said: &Said<'_>) -> Option<Meaning> {
    let whole = said.end == End::Text;
    let fits = |entry: &&Entry| {
        let mut phrases = entry.phrases.iter().filter(|phrase| !whole || !phrase.is_empty());
        (whole || said.code == entry.code) && phrases.any(|phrase| phrase::fits(phrase, said.words, said.end))
    };
    entries().find(fits).map(Entry::meaning)
}

/// How Telegram begins when a webhook answered with an error status, in lower case.
const STATUS: &str = "wrong response from the webhook: ";
