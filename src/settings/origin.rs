//! Texts that name the source of a value. They are the origins of `config::Value`, and problems and
//! `doorbell settings` print them unchanged.

use std::path::Path;

use super::describe;

/// The defaults, which are compiled in.
pub const DEFAULT: &str = "default";

/// The command line, or the command itself.
pub const COMMAND_LINE: &str = "command line";

/// A variable of the environment.
#[must_use]
pub fn variable(name: &str) -> String {
    format!("environment variable {name}")
}

/// A profile, which is compiled in.
pub(super) fn profile(name: &str) -> String {
    format!("profile {name}")
}

/// The operator's file and, if known, the line.
pub(super) fn file(path: &Path, line: Option<usize>) -> String {
    let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
    format!("file {}{line}", path.display())
}

/// The contents of a file that a variable names.
pub(super) fn secret_file(variable: &str, path: &Path) -> String {
    format!("file {}, named by {variable}", describe::text(&path.display().to_string()))
}

/// Variables that a platform sets.
pub(super) fn platform(name: &str, variables: &[&str]) -> String {
    let plural = if variables.len() == 1 { "" } else { "s" };
    format!("environment variable{plural} {}, set by {name}", variables.join(" and "))
}
