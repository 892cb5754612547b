use std::fmt;

use super::origin::Origin;

/// Everything that is wrong with the settings, found in one go. No secret is in it, in no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// The problems, in the order in which the settings are read; at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `webhook.max_connections`.
    pub key: String,
    /// Where the value came from.
    pub source: Origin,
    /// What was found there; a secret is described, not shown.
    pub found: String,
    /// What is wanted instead.
    pub wanted: String,
    /// What to do about it, where that is not plain.
    pub hint: Option<String>,
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
