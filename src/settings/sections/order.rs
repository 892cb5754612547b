//! The keys of `[dispatch]` that say which updates wait for which.

use std::time::Duration;

use toml::Value;

use super::webhook::{is_known, unknown_kind};
use crate::humanize;
use crate::settings::describe;
use crate::settings::problem::Refusal;
use crate::settings::reader::{Reader, YEAR};
use crate::update::{ChatKey, Express, Kind, Order, OrderBy};

const EXPRESS: &str = "a list of commands and beginnings of callback_data, such as [\"/stop\", \"stop:\"]";
const MAX_AGE: &str = "a list of kinds of updates with an age, such as [\"message=10m\", \"callback_query=1m\"]";

/// The most bytes of `callback_data` (Bot API 10.3, `InlineKeyboardButton`).
const LONGEST_DATA: usize = 64;

/// The most characters of a command (Bot API 10.3, `BotCommand`).
const LONGEST_COMMAND: usize = 32;

/// Reads `dispatch.order` and `dispatch.express`. `allowed` are the kinds of updates that can arrive; all, if it is empty.
pub(super) fn read(from: &mut Reader, allowed: &[String]) -> Order {
    let by = from.choice("dispatch.order", &[("chat", OrderBy::Chat), ("telegram", OrderBy::Telegram)]);
    let express = from.value("dispatch.express", EXPRESS, |value| texts(value, Express::named));
    for entry in &express {
        if let Some(refusal) = matches_nothing(entry, allowed) {
            from.warn("dispatch.express", EXPRESS, refusal);
        }
    }
    Order { by, express }
}

/// Why an entry matches no update that can arrive, and what would.
fn matches_nothing(entry: &Express, allowed: &[String]) -> Option<Refusal> {
    let arrives = |kind: &str| allowed.is_empty() || allowed.iter().any(|allowed| allowed == kind);
    let found = |what: &str| format!("\"{}\", which matches no update: {what}", describe::text(&entry.to_string()));
    match entry {
        Express::Command(name) => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let valid: String = name.chars().take_while(|c| is_name(*c)).take(LONGEST_COMMAND).collect();
            if valid != *name || valid.is_empty() {
                let what = format!("a command has 1 to {LONGEST_COMMAND} letters, digits and underscores");
                let hint =
                    (!valid.is_empty()).then(|| format!("\"/{valid}\" matches the command with anything behind it"));
                return Some(Refusal { hint, ..Refusal::found(found(&what)) });
            }
            (!["message", "channel_post", "business_message"].into_iter().any(arrives)).then(|| {
                Refusal::new(
                    found("webhook.allowed_updates has no kind of message"),
                    "add \"message\" to webhook.allowed_updates, or name the beginning of a button's callback_data here",
                )
            })
        }
        Express::Data(data) if data.len() > LONGEST_DATA => {
            Some(Refusal::found(found(&format!("callback_data has at most {LONGEST_DATA} bytes"))))
        }
        Express::Data(_) => (!arrives("callback_query")).then(|| {
            Refusal::new(
                found("webhook.allowed_updates has no \"callback_query\""),
                "add \"callback_query\" to webhook.allowed_updates, or name a command, such as \"/stop\"",
            )
        }),
    }
}

/// Reads `dispatch.max_age`.
pub(super) fn max_age(from: &mut Reader) -> Vec<(Kind, Duration)> {
    let ages = from.value("dispatch.max_age", MAX_AGE, |value| texts(value, |text| age(text).ok()));
    for (kind, age) in &ages {
        let name = kind.name();
        let needed = ChatKey::update(0).answer_within(kind);
        let given = format!("{name}={}", humanize::duration(*age));
        if !is_known(name) {
            from.warn("dispatch.max_age", MAX_AGE, unknown_kind(name));
        } else if let Some(needed) = needed.filter(|needed| age < needed) {
            let found = format!("{given}: updates of this kind can be answered for {}", humanize::duration(needed));
            let hint = "they end as expired although an answer would still arrive in time";
            from.warn("dispatch.max_age", MAX_AGE, Refusal::new(found, hint));
        } else if *age >= kind.lifetime() {
            let found = format!("{given}: updates of this kind expire after {}", humanize::duration(kind.lifetime()));
            from.warn("dispatch.max_age", MAX_AGE, Refusal::new(found, "the entry has no effect"));
        }
    }
    ages
}

/// Reads `kind=age`.
fn age(text: &str) -> Result<(Kind, Duration), Refusal> {
    let (kind, age) = text.split_once('=').ok_or_else(Refusal::default)?;
    let age = humantime::parse_duration(age.trim()).or(Err(Refusal::default()))?;
    let is_valid = (Duration::from_secs(1)..=YEAR).contains(&age) && !kind.trim().is_empty();
    Refusal::unless(is_valid).map(|()| (Kind::named(&kind.trim().to_ascii_lowercase()), age))
}

/// Reads each text of a list.
fn texts<T>(list: &Value, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    let texts = list.as_array().into_iter().flatten();
    let read = |text: &Value| {
        let text = text.as_str().ok_or_else(Refusal::default)?;
        read(text).ok_or_else(|| Refusal::found(format!("\"{}\"", describe::text(text))))
    };
    texts.map(read).collect()
}
