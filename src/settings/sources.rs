//! The sources of settings.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::{fmt, io};

use secrecy::{ExposeSecret, SecretString};

/// All sources of settings except the compiled-in files. It is an argument, so that a
/// test can choose the environment.
#[derive(Clone, Default)]
pub struct Sources {
    /// The variables of the environment.
    pub environment: Environment,
    /// The file given with `--config`, before `DOORBELL_CONFIG`.
    pub config_file: Option<PathBuf>,
    /// The profile that the command asks for, before `DOORBELL_PROFILE`.
    pub profile: Option<String>,
    /// Keys and values that the command line or the command itself sets. They win over all other sources.
    pub overrides: Vec<(String, String)>,
    /// The command that starts this program again; empty in a test.
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

    /// The fail point at which a test ends the process (`DOORBELL_FAIL_POINT`). A release build has none.
    #[must_use]
    pub fn fail_point(&self) -> Option<&str> {
        self.environment.text("DOORBELL_FAIL_POINT")
    }

    /// Whether output to a terminal may be coloured: not if `NO_COLOR` is set and not empty
    /// (<https://no-color.org>).
    #[must_use]
    pub fn may_colour(&self) -> bool {
        !self.environment.is_set("NO_COLOR")
    }

    /// Adds a key that the command sets.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl fmt::Display) -> Self {
        self.overrides.push((key.to_owned(), value.to_string()));
        self
    }
}

/// The command that starts this program again: `cargo run`, the path of the program, or its name.
fn typed(program: Option<&str>, environment: &Environment) -> String {
    match program.filter(|program| program.contains('/')) {
        Some(program) if environment.text("CARGO_PKG_NAME") == Some(env!("CARGO_PKG_NAME")) => {
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

/// The file of this program, with which it starts itself again.
///
/// # Errors
///
/// When the system does not say.
pub fn this_program() -> io::Result<PathBuf> {
    // The link is right even when the file was replaced meanwhile.
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

/// Variables of an environment. Each value is treated as a secret, because its key is not known yet.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Option<SecretString>>,
    /// The variables whose name or value is not UTF-8, as they are.
    not_text: Vec<(OsString, OsString)>,
}

impl Environment {
    /// Reads the environment of this process, once.
    fn of_this_process() -> Self {
        let mut environment = Self::default();
        for (name, value) in std::env::vars_os() {
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => drop(environment.variables.insert(name, Some(value.into()))),
                (Ok(name), Err(value)) => {
                    environment.not_text.push((name.clone().into(), value));
                    environment.variables.insert(name, None);
                }
                (Err(name), Ok(value)) => environment.not_text.push((name, value.into())),
                (Err(name), Err(value)) => environment.not_text.push((name, value)),
            }
        }
        environment
    }

    /// All variables, as they are.
    pub(super) fn all(&self) -> impl Iterator<Item = (OsString, OsString)> {
        let text = |(name, value): (&String, &Option<SecretString>)| {
            Some((name.into(), value.as_ref()?.expose_secret().into()))
        };
        self.variables.iter().filter_map(text).chain(self.not_text.iter().cloned())
    }

    /// The value of a variable.
    pub(super) fn value(&self, name: &str) -> Variable<'_> {
        match self.variables.get(name) {
            None => Variable::NotSet,
            Some(None) => Variable::NotText,
            Some(Some(value)) => Variable::Text(value),
        }
    }

    /// Whether a variable is set and not empty.
    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.value(name), Variable::NotText) || self.text(name).is_some()
    }

    /// The value of a variable, if it is text and not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let text = self.variables.get(name)?.as_ref()?.expose_secret();
        (!text.is_empty()).then_some(text)
    }

    /// The names of all variables, in alphabetical order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }
}

/// The value of a variable.
pub(super) enum Variable<'a> {
    /// There is no such variable.
    NotSet,
    /// Bytes that are not UTF-8.
    NotText,
    /// Text, which may be empty.
    Text(&'a SecretString),
}

impl<N: Into<String>, V: Into<SecretString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.into(), Some(value.into())));
        Self { variables: variables.collect(), not_text: Vec::new() }
    }
}

/// Prints names only, because values can be secrets.
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

/// Prints names only.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_starts_the_program_again_is_the_one_that_started_it() {
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
