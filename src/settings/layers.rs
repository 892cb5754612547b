//! Lays the sources over one another: for each key the last value that was given, and where.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::origin::Origin;
use super::problems::Problem;
use super::sections::telegram;
use super::sources::Sources;
use super::{describe, file, keys, platform, proxy, variables};

/// A value as its source has it.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// A text from outside a file, or a secret: not to be shown before its key is known.
    Text(SecretString),
    /// A value of a file that is no secret.
    Toml(Value),
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) raw: Raw,
    pub(super) origin: Origin,
}

/// The values in force, not yet read, and what was wrong with the sources themselves.
#[derive(Debug, Default)]
pub(super) struct Layers {
    found: BTreeMap<String, Found>,
    pub(super) problems: Vec<Problem>,
    /// Variables that begin as ours do, and are none that is read.
    pub(super) unread: Vec<String>,
    /// The lines of the commands and their fields: a list has one entry among the keys.
    pub(super) places: BTreeMap<String, Origin>,
    /// Whether a source could not be read, so that what seems missing may well be in there.
    pub(super) unreadable: bool,
}

impl Layers {
    /// Lays all sources over one another.
    pub(super) fn of(sources: &Sources) -> Self {
        let mut layers = Self::default();
        for (key, value) in keys::known() {
            layers.set(key, value.clone(), Origin::Default);
        }
        file::profile(sources, &mut layers);
        file::config(sources, &mut layers);
        variables::read(&sources.environment, &mut layers);
        layers.unread = variables::unread(&sources.environment, &mut layers);
        for (key, value) in &sources.overrides {
            layers.set_text(key, value.as_str().into(), Origin::CommandLine);
        }
        if layers.text("webhook.public_url").is_empty()
            && let Some((url, origin)) = platform::public_url(&sources.environment, layers.text("server.port").trim())
        {
            layers.set_text("webhook.public_url", url.into(), origin);
        }
        if layers.is_not_set(super::PROXY)
            && let Some(host) = telegram::public_host(&layers.text("telegram.api_url"))
            && let Some((url, origin)) = proxy::of_environment(&sources.environment, host)
        {
            layers.set_text(super::PROXY, url, origin);
        }
        layers
    }

    /// Sets a key to a value of a file; the last one wins.
    pub(super) fn set(&mut self, key: &str, value: Value, origin: Origin) {
        let raw = match value.as_str() {
            Some(secret) if keys::is_secret(key) => Raw::Text(secret.into()),
            Some(_) | None => Raw::Toml(value),
        };
        self.put(key, raw, origin);
    }

    /// Sets a key to a text that the key's type gives a meaning to; the last one wins.
    pub(super) fn set_text(&mut self, key: &str, text: SecretString, origin: Origin) {
        self.put(key, Raw::Text(text), origin);
    }

    fn put(&mut self, key: &str, raw: Raw, origin: Origin) {
        if keys::is_list_of_tables(key) {
            // The list of a later layer replaces all of an earlier one.
            self.places.retain(|place, _| place.split('[').next() != Some(key));
        }
        if keys::known().contains_key(key) {
            self.found.insert(key.to_owned(), Found { raw, origin });
        } else {
            self.unknown(key, origin, keys::nearest_key(key).map(str::to_owned));
        }
    }

    /// Notes a key that does not exist. Its value is not shown: it may be a secret whose key was
    /// mistyped.
    pub(super) fn unknown(&mut self, key: &str, source: Origin, nearest: Option<String>) {
        self.problems.push(Problem {
            key: describe::text(key),
            source,
            found: "a key that does not exist".to_owned(),
            wanted: "a known key".to_owned(),
            hint: Some(match nearest {
                Some(nearest) => format!("the nearest is {nearest}"),
                None => "`doorbell settings --schema` prints all keys".to_owned(),
            }),
        });
    }

    /// What a known key is set to.
    pub(super) fn found(&self, key: &str) -> &Found {
        self.found.get(key).expect("each key that is read is in the defaults")
    }

    fn is_not_set(&self, key: &str) -> bool {
        self.text(key).is_empty()
    }

    /// What a key that is no secret is set to, as text.
    fn text(&self, key: &str) -> String {
        match &self.found(key).raw {
            Raw::Text(text) => text.expose_secret().trim().to_owned(),
            Raw::Toml(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        }
    }
}
