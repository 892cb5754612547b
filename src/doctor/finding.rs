use serde::Serialize;

/// One thing that was looked into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was checked, in a word or two.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was seen.
    pub seen: String,
    /// What to do; none where all is well.
    pub advice: Option<String>,
}

/// Whether something is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is.
    Well,
    /// It is not.
    Unwell,
    /// That cannot be told from here.
    Unknown,
}

impl Finding {
    pub(super) fn well(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Well, seen: seen.into(), advice: None }
    }

    pub(super) fn unwell(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unwell, seen: seen.into(), advice: Some(advice.into()) }
    }

    pub(super) fn unknown(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, seen: seen.into(), advice: Some(advice.into()) }
    }
}
