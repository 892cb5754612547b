use serde::Serialize;

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub check: &'static str,
    /// Whether the check succeeded.
    pub verdict: Verdict,
    /// What the check found.
    pub seen: String,
    /// What to do; none if the check is ok.
    pub advice: Option<String>,
}

/// Whether a check succeeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything is as it should be.
    Ok,
    /// Something is wrong.
    Failed,
    /// The check could not be made.
    Unknown,
}

impl Finding {
    pub(super) fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Ok, seen: seen.into(), advice: None }
    }

    pub(super) fn failed(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Failed, seen: seen.into(), advice: Some(advice.into()) }
    }

    pub(super) fn unknown(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { check, verdict: Verdict::Unknown, seen: seen.into(), advice: Some(advice.into()) }
    }
}
