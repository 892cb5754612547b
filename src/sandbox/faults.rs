//! Scripted answers of the Bot API: what a test wants to go wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::methods;

/// Something that goes wrong with the calls that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method it concerns; every method when none is named.
    #[serde(default)]
    pub method: Option<String>,
    /// How many calls it concerns; all of them, until the faults are cleared, when no number is given.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens.
    pub what: Answer,
}

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// The Bot API refuses it; it is not carried out.
    Status {
        /// The error code and HTTP status.
        code: u16,
        /// The description.
        description: String,
        /// Seconds, in the header `Retry-After` and in `parameters`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// A page of a proxy with this status comes instead; the call is not carried out.
    Html(u16),
    /// No answer comes, and the connection stays open; the call is not carried out.
    Hang,
    /// The connection is closed without an answer; the call is not carried out.
    Close,
    /// The call is carried out, and the connection closed without an answer.
    Lost,
    /// The call is carried out, and answered so much later; over HTTP in whole milliseconds.
    Slow(#[serde(with = "milliseconds")] Duration),
    /// The call is carried out, and the answer is cut off: no JSON, with status 200.
    Garbage,
}

impl Fault {
    /// Why nothing could go wrong in this way; none if it can.
    pub(super) fn problem(&self) -> Option<String> {
        if let Some(method) = self.method.as_deref().filter(|method| !methods::exists(method)) {
            return Some(format!("the Bot API of the sandbox has no method \"{}\"", method.escape_debug()));
        }
        if self.times == Some(0) {
            return Some("times is 0: no call would go wrong; leave it out for all of them".to_owned());
        }
        let (code, codes) = match &self.what {
            Answer::Status { code, .. } => (*code, 400..=599),
            Answer::Html(code) => (*code, 200..=599),
            Answer::Hang | Answer::Close | Answer::Lost | Answer::Slow(_) | Answer::Garbage => return None,
        };
        let (least, most) = (codes.start(), codes.end());
        (!codes.contains(&code)).then(|| format!("the code must be from {least} to {most}, not {code}"))
    }
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The faults in force: of those that fit a call, the first counts.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Those that still concern a call, in the order in which they are looked at.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.iter().filter(|fault| fault.times != Some(0)).cloned().collect()
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to a call of that method.
    pub(super) fn take(&mut self, method: &str) -> Option<Answer> {
        self.0.retain(|fault| fault.times != Some(0));
        let fits = |fault: &&mut Fault| fault.method.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(method));
        let fault = self.0.iter_mut().find(fits)?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_concerns_its_method_and_wears_off() {
        let mut faults = Faults::default();
        faults.add(Fault { method: Some("sendMessage".into()), times: Some(2), what: Answer::Hang });
        faults.add(Fault { method: None, times: None, what: Answer::Html(502) });
        assert_eq!(faults.take("getMe"), Some(Answer::Html(502)));
        assert_eq!(faults.take("sendmessage"), Some(Answer::Hang));
        assert_eq!(faults.take("sendMessage"), Some(Answer::Hang));
        assert_eq!(faults.take("sendMessage"), Some(Answer::Html(502)));
        faults.clear();
        assert_eq!(faults.take("getMe"), None);
    }

    #[test]
    fn a_fault_can_be_written_as_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"method":"getMe","what":{"status":{"code":429,"description":"Too Many Requests","retry_after":3}}}"#,
        )
        .unwrap();
        assert!(matches!(fault.what, Answer::Status { retry_after: Some(3), .. }));
        let slow: Fault = serde_json::from_str(r#"{"what":{"slow":1500},"times":1}"#).unwrap();
        assert_eq!(slow.what, Answer::Slow(Duration::from_millis(1500)));
    }
}
