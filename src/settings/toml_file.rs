//! Reads the sources that are TOML: the defaults and the profile, which are compiled in, and the
//! operator's file.

use std::path::{Path, PathBuf};

use config::Value;
use secrecy::ExposeSecret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::Layer;
use super::problem::Problem;
use super::sources::{Sources, Variable};
use super::{describe, keys, origin, toml_value};

/// The profiles that are compiled in.
const PROFILES: [(&str, &str); 2] = [
    ("production", include_str!("../../config/production.toml")),
    ("sandbox", include_str!("../../config/sandbox.toml")),
];

/// The variable that names the profile.
const PROFILE: &str = "DOORBELL_PROFILE";
/// The variable that names the file, where no argument can.
const CONFIG: &str = "DOORBELL_CONFIG";

/// The key of a problem with the file as a whole.
const FILE: &str = "the settings file";

/// The defaults.
pub(super) fn defaults() -> Layer {
    let mut layer = read(keys::DEFAULTS, &|_| origin::DEFAULT.to_owned());
    for list in keys::LISTS {
        layer.set(list, Value::new(Some(&origin::DEFAULT.to_owned()), Vec::<Value>::new()));
    }
    layer
}

/// The profile, if one is chosen by the command or else by `DOORBELL_PROFILE`. None is chosen without
/// being named: the defaults suit a platform as they are.
pub(super) fn profile(sources: &Sources) -> Layer {
    let (wanted, source) = match (&sources.profile, sources.environment.value(PROFILE)) {
        (Some(profile), _) => (profile.as_str(), origin::COMMAND_LINE.to_owned()),
        (None, Variable::Text(profile)) => (profile.expose_secret(), origin::variable(PROFILE)),
        (None, Variable::NotText) => ("\u{fffd}", origin::variable(PROFILE)),
        (None, Variable::NotSet) => return Layer::default(),
    };
    if wanted.is_empty() {
        return Layer::default();
    }
    if let Some((name, text)) = PROFILES.iter().find(|(name, _)| *name == wanted) {
        return read(text, &|_| origin::profile(name));
    }
    let found = format!("\"{}\"", describe::text(wanted));
    let problem = Problem::new("the profile", source, found, "production or sandbox");
    Layer::with_problem(problem.with_hint("a file of your own is given with --config").with_hint_on_quotes(wanted))
}

/// The operator's file, if there is one: that of `--config`, else that of `DOORBELL_CONFIG`.
pub(super) fn config_file(sources: &Sources) -> Layer {
    let by_variable = || sources.environment.text(CONFIG).map(PathBuf::from);
    let Some(path) = sources.config_file.clone().or_else(by_variable) else { return Layer::default() };
    match std::fs::read_to_string(&path) {
        Ok(text) => read(&text, &|line| origin::file(&path, line)),
        Err(error) => unreadable(&path, &error),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Layer {
    let problem = Problem::new(FILE, origin::file(path, None), error.to_string(), "a TOML file that can be read");
    let mut layer = Layer::with_problem(problem.with_hint_on_quotes(&path.to_string_lossy()));
    layer.is_unreadable = true;
    layer
}

/// Reads a document. Text that is not TOML is reported by line and not shown, because it can contain a
/// secret.
fn read(text: &str, origin: &dyn Fn(Option<usize>) -> String) -> Layer {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = File { text, origin, layer: Layer::default() };
    for error in &errors {
        let line = error.span().map(|span| file.line(span.start));
        file.not_toml(error.message().to_owned(), line);
    }
    if errors.is_empty() {
        file.section("", table.into_inner());
    }
    file.layer
}

struct File<'a> {
    text: &'a str,
    origin: &'a dyn Fn(Option<usize>) -> String,
    layer: Layer,
}

impl File<'_> {
    fn section(&mut self, section: &str, table: DeTable<'_>) {
        for (name, value) in table {
            let key = keys::join(section, name.get_ref());
            let line = self.line(name.span().start);
            if !keys::is_section(&key) {
                self.set(&key, value, line);
                continue;
            }
            let found = format!("one value (of type {})", value.get_ref().type_str());
            if let DeValue::Table(table) = value.into_inner() {
                self.section(&key, table);
            } else {
                let wanted = format!("a section, written [{key}]");
                self.layer.problems.push(Problem::new(&key, (self.origin)(Some(line)), found, wanted));
            }
        }
    }

    fn set(&mut self, key: &str, value: Spanned<DeValue<'_>>, line: usize) {
        // The tables of a list are in several places of the file: each has its own line, the list has none.
        let line = Some(line).filter(|_| !keys::LISTS.contains(&key));
        let origin = (self.origin)(line);
        if keys::is_secret(key) {
            match value.get_ref().as_str() {
                Some(secret) => self.layer.set_text(key, &secret.into(), &origin),
                // This is not a valid secret, but it may contain one. Only its type is stored.
                None => self.layer.set(key, Value::new(Some(&origin), describe::kind(value.get_ref()))),
            }
            return;
        }
        match toml_value::read(value, &|at| (self.origin)(Some(self.line(at)))) {
            Ok(value) => self.layer.set(key, Value::new(Some(&origin), value.kind)),
            Err(_) => self.not_toml(format!("a value of {key} that no type can hold"), line),
        }
    }

    fn not_toml(&mut self, found: String, line: Option<usize>) {
        self.layer.is_unreadable = true;
        self.layer.problems.push(Problem::new(FILE, (self.origin)(line), found, "TOML"));
    }

    fn line(&self, at: usize) -> usize {
        self.text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1
    }
}
