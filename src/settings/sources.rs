use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// Everything that settings are made of, beside what is compiled in. It arrives as an argument, so
/// that a test says what the environment is.
#[derive(Clone, Default)]
pub struct Sources {
    /// The variables of the environment.
    pub environment: Environment,
    /// The file given with `--config`, before `DOORBELL_CONFIG`.
    pub config_file: Option<PathBuf>,
    /// The profile that the command asks for, before `DOORBELL_PROFILE`.
    pub profile: Option<String>,
    /// Keys and values that the command line, or the command itself, sets; they win over all else.
    pub overrides: Vec<(String, String)>,
    /// How this program was started, as one would type it again; empty where nobody typed it.
    pub started_as: String,
}

impl Sources {
    /// The environment of this process, and nothing else yet.
    #[must_use]
    pub fn of_this_process() -> Self {
        let environment = Environment::of_this_process();
        let started_as = typed(std::env::args().next().as_deref(), &environment);
        Self { environment, started_as, ..Self::default() }
    }

    /// Where a test wants the process to die (`DOORBELL_FAIL_POINT`); a release build has no such
    /// place.
    #[must_use]
    pub fn fail_point(&self) -> Option<&str> {
        match self.environment.value("DOORBELL_FAIL_POINT") {
            Variable::Text(name) => Some(name.expose_secret()),
            Variable::NotText | Variable::NotSet => None,
        }
    }

    /// Whether output to a terminal may be coloured: not where `NO_COLOR` holds anything (<https://no-color.org>).
    #[must_use]
    pub fn may_colour(&self) -> bool {
        match self.environment.value("NO_COLOR") {
            Variable::Text(text) => text.expose_secret().is_empty(),
            Variable::NotText => false,
            Variable::NotSet => true,
        }
    }

    /// These sources, and one more key set by the command.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.overrides.push((key.to_owned(), value.to_string()));
        self
    }
}

/// What a person types to start this program again: what Cargo was told, the path of the program, or its name.
fn typed(program: Option<&str>, environment: &Environment) -> String {
    let is = |name: &str, wanted: &str| matches!(environment.value(name), Variable::Text(text) if text.expose_secret() == wanted);
    match program.filter(|program| program.contains('/')) {
        Some(program) if is("CARGO_PKG_NAME", env!("CARGO_PKG_NAME")) => {
            let release = if program.contains("/release/") { " --release" } else { "" };
            format!("cargo run -q{release} --")
        }
        Some(path) if path.contains(|c: char| c.is_whitespace() || "'\"$`\\".contains(c)) => {
            format!("'{}'", path.replace('\'', "'\\''"))
        }
        Some(path) => path.to_owned(),
        None => env!("CARGO_PKG_NAME").to_owned(),
    }
}

/// Variables of an environment. Each value counts as a secret until it is known which key it sets.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Option<SecretString>>);

impl Environment {
    /// Reads the environment of this process, once; a value that is not UTF-8 is remembered as such.
    fn of_this_process() -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok().map(SecretString::from)))
        };
        Self(std::env::vars_os().filter_map(readable).collect())
    }

    /// What a variable holds.
    pub(super) fn value(&self, name: &str) -> Variable<'_> {
        match self.0.get(name) {
            None => Variable::NotSet,
            Some(None) => Variable::NotText,
            Some(Some(value)) => Variable::Text(value),
        }
    }

    /// The names of all variables, in the order of the alphabet.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// What a variable holds.
pub(super) enum Variable<'a> {
    /// There is none of that name.
    NotSet,
    /// Bytes that are not UTF-8.
    NotText,
    /// A text, which may be empty.
    Text(&'a SecretString),
}

impl<N: Into<String>, V: Into<SecretString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), Some(value.into()))).collect())
    }
}

/// Names only: what a value is, is not known yet.
impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { environment, config_file, profile, overrides, started_as } = self;
        let overrides: Vec<_> = overrides.iter().map(|(key, _)| key).collect();
        f.debug_struct("Sources")
            .field("environment", environment)
            .field("config_file", config_file)
            .field("profile", profile)
            .field("overrides", &overrides)
            .field("started_as", started_as)
            .finish()
    }
}

/// Names only, too.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_started_again_as_it_was_started() {
        let by_cargo: Environment = [("CARGO_PKG_NAME", "doorbell")].into_iter().collect();
        let of_another: Environment = [("CARGO_PKG_NAME", "somebodys-tool")].into_iter().collect();
        for (program, environment, typed_again) in [
            ("doorbell", &Environment::default(), "doorbell"),
            ("./doorbell", &Environment::default(), "./doorbell"),
            ("/opt/my bots/doorbell", &of_another, "'/opt/my bots/doorbell'"),
            ("target/debug/doorbell", &Environment::default(), "target/debug/doorbell"),
            ("target/debug/doorbell", &by_cargo, "cargo run -q --"),
            ("/tmp/out/release/doorbell", &by_cargo, "cargo run -q --release --"),
        ] {
            assert_eq!(typed(Some(program), environment), typed_again);
        }
        assert_eq!(typed(None, &by_cargo), "doorbell");
    }
}
