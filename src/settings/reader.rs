//! Reads values off the layers, each by its key and its kind. A value that will not do becomes a
//! problem and its default is read in its place, so that all problems come to light in one go.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::in_force::{Entry, Shown};
use super::layers::{Found, Layers, Raw};
use super::origin::Origin;
use super::problems::Problem;
use super::{describe, keys};
use crate::wording;

/// What is said of a value that will not do, beside what is wanted.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// What was found, where the value itself is not to be shown.
    pub(super) found: Option<String>,
    pub(super) hint: Option<String>,
}

impl Refusal {
    pub(super) fn found(found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), hint: None }
    }

    pub(super) fn hint(hint: impl Into<String>) -> Self {
        Self { found: None, hint: Some(hint.into()) }
    }
}

pub(super) struct Reader {
    layers: Layers,
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
    /// What the service starts with all the same.
    pub(super) warnings: Vec<Problem>,
    /// Whether a source could not be read.
    pub(super) unreadable: bool,
    /// The lines of the commands and their fields.
    pub(super) places: BTreeMap<String, Origin>,
    /// Variables that begin as ours do, and are none that is read.
    pub(super) unread: Vec<String>,
}

impl Reader {
    pub(super) fn of(mut layers: Layers) -> Self {
        let problems = std::mem::take(&mut layers.problems);
        let (places, unread) = (std::mem::take(&mut layers.places), std::mem::take(&mut layers.unread));
        let unreadable = layers.unreadable;
        Self { layers, entries: Vec::new(), problems, warnings: Vec::new(), unreadable, places, unread }
    }

    /// Notes that the value of a key will not do.
    pub(super) fn refuse(&mut self, key: &str, wanted: impl Into<String>, refusal: Refusal) {
        let problem = self.problem(key, wanted, refusal);
        self.problems.push(problem);
    }

    /// Notes that the value of a key is probably not what was meant.
    pub(super) fn warn(&mut self, key: &str, wanted: impl Into<String>, refusal: Refusal) {
        let problem = self.problem(key, wanted, refusal);
        self.warnings.push(problem);
    }

    fn problem(&self, key: &str, wanted: impl Into<String>, refusal: Refusal) -> Problem {
        let Found { raw, origin } = self.layers.found(key).clone();
        let found = refusal.found.unwrap_or_else(|| match raw {
            Raw::Text(text) if keys::is_secret(key) => describe::secret(text.expose_secret()),
            Raw::Text(text) => describe::value(&Value::String(text.expose_secret().to_owned())),
            Raw::Toml(value) => describe::value(&value),
        });
        Problem { key: key.to_owned(), source: origin, found, wanted: wanted.into(), hint: refusal.hint }
    }

    /// Where the value of a key came from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        self.layers.found(key).origin.clone()
    }

    fn show(&mut self, key: &str, value: Shown) {
        self.entries.push(Entry { key: key.to_owned(), value, source: self.origin(key) });
    }

    /// A value that is no secret.
    pub(super) fn value<T>(&mut self, key: &str, wanted: &str, read: impl Fn(&Value) -> Result<T, Refusal>) -> T {
        let default = &keys::known()[key];
        let value = match &self.layers.found(key).raw {
            Raw::Text(text) => typed(text.expose_secret(), default),
            Raw::Toml(value) => alike(value.clone(), default),
        };
        let read_value = if value.same_type(default) { read(&value) } else { Err(Refusal::default()) };
        match read_value {
            Ok(read) => {
                let unset = value.as_str() == Some("");
                let shown = if unset { Shown::NotSet } else { Shown::Value(json(&value)) };
                self.show(key, shown);
                read
            }
            Err(refusal) => {
                self.refuse(key, wanted, refusal);
                read(default).expect("each default is a value that will do")
            }
        }
    }

    /// Something made of a secret; `None` when that will not do.
    pub(super) fn secret<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&SecretString) -> Result<T, Refusal>,
        show: impl Fn(&T) -> Shown,
    ) -> Option<T> {
        let text = match &self.layers.found(key).raw {
            Raw::Text(text) => text.clone(),
            Raw::Toml(value) => {
                let found = describe::kind(value);
                self.refuse(key, wanted, Refusal::found(found));
                return None;
            }
        };
        match read(&text) {
            Ok(read) => {
                self.show(key, show(&read));
                Some(read)
            }
            Err(refusal) => {
                self.refuse(key, wanted, refusal);
                None
            }
        }
    }

    /// A secret that is kept as it is and never shown; `None` when it is not set.
    pub(super) fn token(
        &mut self,
        key: &str,
        wanted: &str,
        check: impl Fn(&str) -> Result<(), Refusal>,
    ) -> Option<SecretString> {
        let read = |text: &SecretString| match text.expose_secret() {
            "" => Ok(None),
            token => check(token).map(|()| Some(text.clone())),
        };
        let show = |text: &Option<SecretString>| match text {
            Some(text) => Shown::Secret(format!("secret, {}", describe::secret(text.expose_secret()))),
            None => Shown::NotSet,
        };
        self.secret(key, wanted, read, show).flatten()
    }

    /// A text that something is made of.
    pub(super) fn text<T>(&mut self, key: &str, wanted: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> T {
        self.value(key, wanted, |value| read(value.as_str().unwrap_or_default()))
    }

    /// A text that something is made of; `None` when it is not set.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.text(key, wanted, |text| if text.is_empty() { Ok(None) } else { read(text).map(Some) })
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        self.text(key, &format!("one of {words}"), |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text.to_lowercase());
            chosen.map(|(_, choice)| *choice).ok_or_else(Refusal::default)
        })
    }

    /// True or false.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.value(key, "true or false", |value| Ok(value.as_bool().unwrap_or_default()))
    }

    /// A whole number within bounds.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &str, bounds: RangeInclusive<i64>) -> T {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.value(key, &wanted, |value| {
            let whole = value.as_integer().filter(|whole| bounds.contains(whole));
            whole.and_then(|whole| T::try_from(whole).ok()).ok_or_else(Refusal::default)
        })
    }

    /// A cap on how much happens in a second; 0 is none.
    pub(super) fn rate(&mut self, key: &str) -> Option<f64> {
        self.value(key, "a number from 0.01 to 10000, or 0 for no cap", |value| match value.as_float() {
            Some(0.0) => Ok(None),
            Some(rate) if (0.01..=10_000.0).contains(&rate) => Ok(Some(rate)),
            Some(_) | None => Err(Refusal::default()),
        })
    }

    /// A duration within bounds.
    pub(super) fn duration(&mut self, key: &str, bounds: RangeInclusive<Duration>) -> Duration {
        let [shortest, longest] = [bounds.start(), bounds.end()].map(|bound| wording::duration(*bound));
        let wanted = format!("a duration with its unit, such as 30s, from {shortest} to {longest}");
        self.text(key, &wanted, |text| {
            let duration = humantime::parse_duration(text.trim()).or(Err(Refusal::default()))?;
            if bounds.contains(&duration) { Ok(duration) } else { Err(Refusal::default()) }
        })
    }

    /// An address to listen on.
    pub(super) fn address(&mut self, key: &str) -> IpAddr {
        let by_shell = self.origin(key) == Origin::Variable("HOST".to_owned());
        let hint = "some shells set HOST to the name of the machine; DOORBELL__SERVER__HOST wins over it";
        self.text(key, "an IP address, such as 0.0.0.0 or 127.0.0.1", |text| {
            text.trim().parse().or(Err(if by_shell { Refusal::hint(hint) } else { Refusal::default() }))
        })
    }
}

/// Gives a text from outside a file the type of the key's default, where it can have it.
fn typed(text: &str, default: &Value) -> Value {
    let plain = || Value::String(text.to_owned());
    match default {
        Value::String(_) => plain(),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Array(_)
        | Value::Datetime(_)
        | Value::Table(_) => {
            let document = format!("value = {}", text.trim()).parse::<toml::Table>();
            let value = document.ok().filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
            alike(value.unwrap_or_else(plain), default)
        }
    }
}

/// A whole number will do where a number is wanted.
fn alike(value: Value, default: &Value) -> Value {
    match (value, default) {
        (Value::Integer(whole), Value::Float(_)) => {
            i32::try_from(whole).map_or(Value::Integer(whole), |whole| Value::Float(whole.into()))
        }
        (value, _) => value,
    }
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}
