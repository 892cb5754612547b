//! Reads the merged values by key and type. An invalid value becomes a problem, and
//! its default is read instead, so that every problem is found in one pass.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use toml::Value;

use super::effective::{Entry, Shown};
use super::merged::{Merged, find};
use super::problem::{Problem, Refusal};
use super::{describe, keys, origin};
use crate::humanize;

/// No setting waits longer than a year.
pub(super) const YEAR: Duration = Duration::from_hours(365 * 24);

/// Reads values, and collects the effective values and the problems.
pub(super) struct Reader {
    pub(super) merged: Merged,
    pub(super) entries: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
    /// Valid values that are probably a mistake. The service starts with them.
    pub(super) warnings: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(mut merged: Merged) -> Self {
        let problems = std::mem::take(&mut merged.problems);
        Self { merged, entries: Vec::new(), problems, warnings: Vec::new() }
    }

    /// Reports an invalid value. `path` is a key or the path of a field in a list.
    pub(super) fn refuse(&mut self, path: &str, wanted: impl Into<String>, refusal: Refusal) {
        let problem = self.problem(path, wanted, refusal);
        self.problems.push(problem);
    }

    /// Reports a valid value that is probably a mistake.
    pub(super) fn warn(&mut self, path: &str, wanted: impl Into<String>, refusal: Refusal) {
        let problem = self.problem(path, wanted, refusal);
        self.warnings.push(problem);
    }

    fn problem(&self, path: &str, wanted: impl Into<String>, refusal: Refusal) -> Problem {
        let found = refusal.found.unwrap_or_else(|| {
            if !keys::is_secret(path) {
                return describe::value(&self.merged.value(path));
            }
            self.merged.secret(path).map_or_else(|kind| kind, |secret| describe::secret(secret.expose_secret()))
        });
        Problem { hint: refusal.hint, ..Problem::new(path, self.origin(path), found, wanted) }
    }

    fn origin(&self, path: &str) -> String {
        find(self.merged.root(), path).1.unwrap_or(origin::DEFAULT).to_owned()
    }

    /// Whether the value of a key is not that of the compiled-in defaults.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.origin(key) != origin::DEFAULT
    }

    fn show(&mut self, key: &str, value: Shown) {
        self.entries.push(Entry { key: key.to_owned(), value, source: self.origin(key) });
    }

    /// Reads a value that is not a secret.
    pub(super) fn value<T>(&mut self, key: &str, wanted: &str, read: impl Fn(&Value) -> Result<T, Refusal>) -> T {
        let default = &keys::known()[key];
        let value = match (self.merged.value(key), default) {
            // A whole number is also valid for a key of the type number.
            (Value::Integer(whole), Value::Float(_)) => {
                i32::try_from(whole).map_or(Value::Integer(whole), |whole| Value::Float(whole.into()))
            }
            (value, _) => value,
        };
        let result = if value.same_type(default) { read(&value) } else { Err(Refusal::default()) };
        match result {
            Ok(result) => {
                let shown = || Shown::Value(serde_json::to_value(&value).unwrap_or_default());
                self.show(key, if value.as_str() == Some("") { Shown::NotSet } else { shown() });
                result
            }
            Err(refusal) => {
                self.refuse(key, wanted, refusal);
                read(default).expect("each default is valid")
            }
        }
    }

    /// Parses a secret. `None` if it is invalid.
    pub(super) fn secret<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&SecretString) -> Result<T, Refusal>,
        show: impl Fn(&T) -> Shown,
    ) -> Option<T> {
        let result = match self.merged.secret(key) {
            Ok(text) => read(text),
            Err(kind) => Err(Refusal::found(kind)),
        };
        match result {
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

    /// Reads a secret unchanged. `None` if it is not set.
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

    /// Parses a text.
    pub(super) fn text<T>(&mut self, key: &str, wanted: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> T {
        self.value(key, wanted, |value| read(value.as_str().unwrap_or_default()))
    }

    /// Parses a text. `None` if it is not set.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        wanted: &str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.text(key, wanted, |text| if text.is_empty() { Ok(None) } else { read(text).map(Some) })
    }

    /// Reads one of the listed values.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> T {
        let words = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
        self.text(key, &format!("one of {words}"), |text| {
            let chosen = choices.iter().find(|(word, _)| *word == text.to_lowercase());
            chosen.map(|(_, choice)| *choice).ok_or_else(Refusal::default)
        })
    }

    /// Reads a boolean.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        self.value(key, "true or false", |value| Ok(value.as_bool().unwrap_or_default()))
    }

    /// Reads a whole number within bounds.
    pub(super) fn whole<T: TryFrom<i64>>(&mut self, key: &str, bounds: RangeInclusive<i64>) -> T {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.value(key, &wanted, |value| {
            let whole = value.as_integer().filter(|whole| bounds.contains(whole));
            whole.and_then(|whole| T::try_from(whole).ok()).ok_or_else(Refusal::default)
        })
    }

    /// Reads a limit per second; 0 means no limit.
    pub(super) fn rate(&mut self, key: &str) -> Option<f64> {
        self.value(key, "a number from 0.01 to 10000, or 0 for no cap", |value| match value.as_float() {
            Some(0.0) => Ok(None),
            Some(rate) if (0.01..=10_000.0).contains(&rate) => Ok(Some(rate)),
            Some(_) | None => Err(Refusal::default()),
        })
    }

    /// Reads a duration within bounds.
    pub(super) fn duration(&mut self, key: &str, bounds: RangeInclusive<Duration>) -> Duration {
        let [shortest, longest] = [bounds.start(), bounds.end()].map(|bound| humanize::duration(*bound));
        let wanted = format!("a duration with its unit, such as 30s, from {shortest} to {longest}");
        self.text(key, &wanted, |text| {
            let duration = humantime::parse_duration(text.trim()).or(Err(Refusal::default()))?;
            if bounds.contains(&duration) { Ok(duration) } else { Err(Refusal::default()) }
        })
    }

    /// Reads an address to listen on.
    pub(super) fn address(&mut self, key: &str) -> IpAddr {
        let by_shell = self.origin(key) == origin::variable("HOST");
        let hint = "some shells set HOST to the name of the machine; DOORBELL__SERVER__HOST wins over it";
        self.text(key, "an IP address, such as 0.0.0.0 or 127.0.0.1", |text| {
            text.trim().parse().or(Err(if by_shell { Refusal::hint(hint) } else { Refusal::default() }))
        })
    }
}
