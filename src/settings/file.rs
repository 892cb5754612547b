//! Reads the layers that are files: the profile, which is compiled in, and the one of the operator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;
use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use super::layers::Layers;
use super::origin::Origin;
use super::problems::Problem;
use super::sources::{Sources, Variable};
use super::{describe, keys, variables};

/// The profiles that are compiled in.
const PROFILES: [(&str, &str); 2] = [
    ("production", include_str!("../../config/production.toml")),
    ("sandbox", include_str!("../../config/sandbox.toml")),
];

/// The variable that names the profile.
const PROFILE: &str = "DOORBELL_PROFILE";
/// The variable that names the file, where no argument can.
const CONFIG: &str = "DOORBELL_CONFIG";

/// Lays the chosen profile, if any: the one of the command, else the one of `DOORBELL_PROFILE`.
/// Nothing is chosen by guessing: the defaults suit a platform as they are.
pub(super) fn profile(sources: &Sources, layers: &mut Layers) {
    let (wanted, source) = match (&sources.profile, sources.environment.value(PROFILE)) {
        (Some(profile), _) => (profile.as_str(), Origin::CommandLine),
        (None, Variable::Text(profile)) => (profile.expose_secret(), Origin::Variable(PROFILE.to_owned())),
        (None, Variable::NotText) => ("\u{fffd}", Origin::Variable(PROFILE.to_owned())),
        (None, Variable::NotSet) => return,
    };
    if wanted.is_empty() {
        return;
    }
    match PROFILES.iter().find(|(name, _)| *name == wanted) {
        Some((name, text)) => lay(text, &|_| Origin::Profile(name), layers),
        None => layers.problems.push(Problem {
            key: "the profile".to_owned(),
            source,
            found: format!("\"{}\"", describe::text(wanted)),
            wanted: "production or sandbox".to_owned(),
            hint: Some(match wanted {
                quoted if variables::is_quoted(quoted) => variables::UNQUOTE.to_owned(),
                _ => "a file of your own is given with --config".to_owned(),
            }),
        }),
    }
}

/// Lays the operator's file, if there is one: the one of `--config`, else of `DOORBELL_CONFIG`.
pub(super) fn config(sources: &Sources, layers: &mut Layers) {
    let path = match (&sources.config_file, sources.environment.value(CONFIG)) {
        (Some(path), _) => path.clone(),
        (None, Variable::Text(path)) if !path.expose_secret().is_empty() => PathBuf::from(path.expose_secret()),
        (None, Variable::Text(_) | Variable::NotText | Variable::NotSet) => return,
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let origin = |line| Origin::File { path: path.clone(), line };
            lay(&text, &origin, layers);
        }
        Err(error) => unreadable(&path, &error, layers),
    }
}

fn unreadable(path: &Path, error: &std::io::Error, layers: &mut Layers) {
    layers.unreadable = true;
    layers.problems.push(Problem {
        key: "the settings file".to_owned(),
        source: Origin::File { path: path.to_owned(), line: None },
        found: error.to_string(),
        wanted: "a TOML file that can be read".to_owned(),
        hint: variables::is_quoted(&path.display().to_string()).then(|| variables::UNQUOTE.to_owned()),
    });
}

/// Lays a file of settings. What is no TOML is reported by line, never by content: a secret may
/// stand there.
fn lay(text: &str, origin: &dyn Fn(Option<usize>) -> Origin, layers: &mut Layers) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = File { text, origin, layers };
    if errors.is_empty() {
        file.section("", table.into_inner());
        return;
    }
    for error in errors {
        let line = error.span().map(|span| file.line(span.start));
        file.broken(error.message().to_owned(), line);
    }
}

struct File<'a> {
    text: &'a str,
    origin: &'a dyn Fn(Option<usize>) -> Origin,
    layers: &'a mut Layers,
}

impl File<'_> {
    fn section(&mut self, section: &str, table: DeTable<'_>) {
        for (name, value) in table {
            let key = keys::join(section, name.get_ref());
            let line = Some(self.line(name.span().start));
            if keys::is_section(&key) {
                self.subsection(&key, value.into_inner(), line);
            } else {
                self.leaf(&key, value, line);
            }
        }
    }

    fn subsection(&mut self, key: &str, value: DeValue<'_>, line: Option<usize>) {
        if let DeValue::Table(table) = value {
            self.section(key, table);
            return;
        }
        self.layers.problems.push(Problem {
            key: key.to_owned(),
            source: (self.origin)(line),
            found: format!("one value (of type {})", value.type_str()),
            wanted: format!("a section, written [{key}]"),
            hint: None,
        });
    }

    fn leaf(&mut self, key: &str, value: Spanned<DeValue<'_>>, line: Option<usize>) {
        // Such a list stands in several places; the line of the first would mislead.
        let line = line.filter(|_| !keys::is_list_of_tables(key));
        let places = if keys::is_list_of_tables(key) { self.places(key, value.get_ref()) } else { BTreeMap::new() };
        match Value::deserialize(ValueDeserializer::from(value)) {
            Ok(value) => {
                self.layers.set(key, value, (self.origin)(line));
                self.layers.places.extend(places);
            }
            Err(_) => self.broken(format!("a value of {key} that no type can hold"), line),
        }
    }

    /// Where the tables of a list stand, and where each of their fields does.
    fn places(&self, list: &str, tables: &DeValue<'_>) -> BTreeMap<String, Origin> {
        let mut places = BTreeMap::new();
        let DeValue::Array(tables) = tables else { return places };
        let place = |at| (self.origin)(Some(self.line(at)));
        for (index, table) in tables.iter().enumerate() {
            let key = format!("{list}[{index}]");
            places.insert(key.clone(), place(table.span().start));
            for name in table.get_ref().as_table().into_iter().flat_map(|table| table.keys()) {
                places.insert(format!("{key}.{}", name.get_ref()), place(name.span().start));
            }
        }
        places
    }

    fn broken(&mut self, found: String, line: Option<usize>) {
        self.layers.unreadable = true;
        self.layers.problems.push(Problem {
            key: "the settings file".to_owned(),
            source: (self.origin)(line),
            found,
            wanted: "TOML".to_owned(),
            hint: None,
        });
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }
}
