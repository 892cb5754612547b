//! Scripted failures of the Bot API.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A failure of the calls that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The method that fails, or none for every method.
    #[serde(default)]
    pub method: Option<String>,
    /// How many calls fail, or none for all calls until the faults are cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// The effect on such a call.
    pub what: FaultKind,
}

/// The effect on a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The Bot API refuses the call and does not execute it.
    Status {
        /// The error code and HTTP status.
        code: u16,
        /// The description.
        description: String,
        /// The seconds to wait, in the `Retry-After` header and in `parameters`.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// The response is a proxy's HTML page with this status. The call is not executed.
    Html(u16),
    /// There is no response, and the connection remains open. The call is not executed.
    Hang,
    /// The connection is closed without a response. The call is not executed.
    Close,
    /// The call is executed, and the connection is closed without a response.
    Lost,
    /// The call is executed, and the response is sent after this time. JSON has it in milliseconds.
    Slow(#[serde(with = "milliseconds")] Duration),
    /// The call is executed, and the response has status 200 and half of its JSON.
    Garbage,
}

mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

/// The active faults, oldest first. The oldest that matches a call applies.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds the fault, or removes it if it is there.
    pub(crate) fn toggle(&mut self, fault: Fault) {
        let before = self.0.len();
        self.0.retain(|active| *active != fault);
        if self.0.len() == before {
            self.0.push(fault);
        }
    }

    /// The faults that still match calls.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.0.iter().filter(|fault| fault.times != Some(0)).cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes the fault that applies to a call of this method.
    pub(crate) fn take(&mut self, method: &str) -> Option<FaultKind> {
        self.0.retain(|fault| fault.times != Some(0));
        let matches = |fault: &&mut Fault| fault.method.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(method));
        let fault = self.0.iter_mut().find(matches)?;
        fault.times = fault.times.map(|times| times - 1);
        Some(fault.what.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_applies_to_its_method_and_as_often_as_it_says() {
        let mut faults = Faults::default();
        faults.add(Fault { method: Some("sendMessage".into()), times: Some(2), what: FaultKind::Hang });
        faults.add(Fault { method: None, times: None, what: FaultKind::Html(502) });
        assert_eq!(faults.take("getMe"), Some(FaultKind::Html(502)));
        assert_eq!(faults.take("sendmessage"), Some(FaultKind::Hang));
        assert_eq!(faults.take("sendMessage"), Some(FaultKind::Hang));
        assert_eq!(faults.take("sendMessage"), Some(FaultKind::Html(502)));
        faults.clear();
        assert_eq!(faults.take("getMe"), None);
    }

    #[test]
    fn a_fault_can_be_written_as_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"method":"getMe","what":{"status":{"code":429,"description":"Too Many Requests","retry_after":3}}}"#,
        )
        .unwrap();
        assert!(matches!(fault.what, FaultKind::Status { retry_after: Some(3), .. }));
        let slow: Fault = serde_json::from_str(r#"{"what":{"slow":1500},"times":1}"#).unwrap();
        assert_eq!(slow.what, FaultKind::Slow(Duration::from_millis(1500)));
    }
}
