//! The known keys. The file of defaults lists them, so that each key is documented and has a default.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::Value;

/// The defaults, which also document the settings.
pub(super) const DEFAULTS: &str = include_str!("../../config/default.toml");

/// The keys whose values are `SecretString` from the moment they are read.
pub(super) const SECRETS: [&str; 9] = [
    "telegram.bot_token",
    PROXY,
    "webhook.secret_token",
    "webhook.previous_secret_token",
    "inbox.url",
    "forward.url",
    "forward.headers",
    "console.token",
    "traces.headers",
];

/// The lists of tables, `[[command]]` and `[[button]]`. They have no line in the defaults, where it would
/// prevent the first `[[command]]` that is added to a copy.
pub(super) const LISTS: [&str; 2] = ["command", "button"];

/// The proxy for calls to the Bot API.
pub(super) const PROXY: &str = "telegram.proxy";

static KNOWN: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    let table = DEFAULTS.parse().expect("the defaults are TOML");
    let mut known = BTreeMap::from(LISTS.map(|list| (list.to_owned(), Value::Array(Vec::new()))));
    flatten("", table, &mut known);
    known
});

fn flatten(section: &str, table: toml::Table, into: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = join(section, &name);
        if let Value::Table(table) = value {
            flatten(&key, table, into);
        } else {
            into.insert(key, value);
        }
    }
}

/// Joins a section and a name to a key.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

/// Every key with its default, in alphabetical order.
pub(super) fn known() -> &'static BTreeMap<String, Value> {
    &KNOWN
}

/// Whether there are keys in a section of that name.
pub(super) fn is_section(name: &str) -> bool {
    KNOWN.keys().any(|key| key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')))
}

/// Whether the value of a key is a secret.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// The known key or section that is nearest to a mistyped one.
pub(super) fn nearest_key(unknown: &str) -> Option<&'static str> {
    let sections = KNOWN.keys().filter_map(|key| key.rsplit_once('.')).map(|(section, _)| section);
    let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let wanted = name(unknown);
    let same_name = || KNOWN.keys().find(|key| name(key) == wanted).map(String::as_str);
    nearest(unknown, KNOWN.keys().map(String::as_str).chain(sections)).or_else(same_name)
}

/// The name that is nearest to a mistyped one, if any is similar enough.
pub(super) fn nearest<'a>(unknown: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (unknown.chars().count() / 3).max(2);
    nearest_of(&unknown.to_lowercase(), most, names.map(|name| (name.to_lowercase(), name)))
}

/// What the nearest name stands for, if one is at most `most` edits away.
pub(super) fn nearest_of<T>(unknown: &str, most: usize, names: impl Iterator<Item = (String, T)>) -> Option<T> {
    names
        .map(|(name, of)| (strsim::damerau_levenshtein(unknown, &name), of))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, of)| of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_defaults_has_a_sentence_above_it() {
        let mut above = "";
        for line in DEFAULTS.lines() {
            if line.contains(" = ") && !line.starts_with('#') {
                assert!(above.starts_with("# ") && above.ends_with('.'), "{line:?} has {above:?} above it");
            }
            above = line;
        }
    }

    #[test]
    fn every_secret_is_a_key_and_has_no_default_but_the_inbox() {
        for key in SECRETS {
            let default = &known()[key];
            assert!(key == "inbox.url" || default.as_str() == Some(""), "{key}: {default}");
        }
    }

    #[test]
    fn a_mistyped_key_is_recognised() {
        for (mistyped, meant) in [
            ("telegram.bot_tokn", Some("telegram.bot_token")),
            ("telegram.token", Some("telegram.bot_token")),
            ("server.public_url", Some("webhook.public_url")),
            ("dispatch.backoff.longst", Some("dispatch.backoff.longest")),
            ("commands", Some("command")),
            ("sever", Some("server")),
            ("webhook.allowed_update", Some("webhook.allowed_updates")),
            ("weather", None),
        ] {
            assert_eq!(nearest_key(mistyped), meant, "{mistyped}");
        }
    }
}
