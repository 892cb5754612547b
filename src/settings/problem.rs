//! Problems of the settings, as they are reported to the operator.

use std::fmt;

/// All problems of the settings. It never contains a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// The problems, in the order in which the settings are read; at least one.
    pub problems: Vec<Problem>,
}

/// One value that is not valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `webhook.max_connections`.
    pub key: String,
    /// The source of the value, such as `file my.toml, line 14`.
    pub source: String,
    /// The value found; a secret is only described.
    pub found: String,
    /// What is valid.
    pub wanted: String,
    /// What to do, if that is not obvious.
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn new(key: &str, source: String, found: impl Into<String>, wanted: impl Into<String>) -> Self {
        Self { key: key.to_owned(), source, found: found.into(), wanted: wanted.into(), hint: None }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The problem with the hint to remove the quotation marks, if `text` is in them.
    pub(super) fn with_hint_on_quotes(self, text: &str) -> Self {
        if is_quoted(text) { self.with_hint(UNQUOTE) } else { self }
    }
}

const UNQUOTE: &str = "remove the quotation marks around the value: in an env file of Docker, and in the form of many \
                       platforms, they are part of it";

/// Whether a value is in quotation marks, which a shell would have removed.
pub(super) fn is_quoted(text: &str) -> bool {
    let text = text.trim();
    text.len() > 1 && ['"', '\''].iter().any(|mark| text.starts_with(*mark) && text.ends_with(*mark))
}

/// Why a value is refused. The valid values are added elsewhere.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// A description of the value, if the value itself must not be shown.
    pub(super) found: Option<String>,
    pub(super) hint: Option<String>,
}

impl Refusal {
    /// Refuses a value that does not meet a condition.
    pub(super) fn unless(is_valid: bool) -> Result<(), Self> {
        if is_valid { Ok(()) } else { Err(Self::default()) }
    }

    pub(super) fn found(found: impl Into<String>) -> Self {
        Self { found: Some(found.into()), hint: None }
    }

    pub(super) fn hint(hint: impl Into<String>) -> Self {
        Self { found: None, hint: Some(hint.into()) }
    }

    pub(super) fn new(found: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { found: Some(found.into()), hint: Some(hint.into()) }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => f.write_str("the settings have a problem")?,
            count => write!(f, "the settings have {count} problems")?,
        }
        for problem in &self.problems {
            write!(f, "\n\n{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, source, found, wanted, hint } = self;
        write!(f, "{key} ({source})\n  found:  {found}\n  wanted: {wanted}")?;
        match hint {
            Some(hint) => write!(f, "\n  hint:   {hint}"),
            None => Ok(()),
        }
    }
}
