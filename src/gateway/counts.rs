use std::time::Duration;

use http::StatusCode;

use crate::telegram::{MethodGroup, MethodName};
use crate::telemetry::{Family, Histogram, Occurred, Registry, Unit, durations, label};

/// Counts the requests of the bot at the gateway since the start.
#[derive(Debug)]
pub struct Counts {
    /// Requests that were answered, by method and status. A file counts as `other`.
    pub answered: Occurred<(MethodName, StatusClass)>,
    /// The time to the head of the answer, by group of methods.
    pub took: Family<MethodGroup, Histogram>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { answered: Occurred::default(), took: Family::of_each(durations) }
    }
}

impl Counts {
    /// Adds the metrics to the registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "doorbell_gateway_requests",
            "Requests of your bot at the gateway, by method and class of the status. A combination is listed once it has occurred",
            self.answered.clone(),
        );
        registry.register_with_unit(
            "doorbell_gateway_request_duration",
            "The time from a request of your bot at the gateway to the head of its answer, by group of methods",
            Unit::Seconds,
            self.took.clone(),
        );
    }

    /// Counts a request that was answered. Returns the label of its method.
    pub(super) fn note(&self, method: &str, status: StatusCode, took: Duration) -> MethodName {
        let name = MethodName::of(method);
        self.answered.of((name, StatusClass::of(status))).inc();
        self.took.of(MethodGroup::of(method)).observe(took.as_secs_f64());
        name
    }
}

label! {
    /// The class of a response's status.
    pub enum StatusClass as "status" {
        /// 200 to 299.
        Success = "2xx",
        /// 300 to 399.
        Redirect = "3xx",
        /// 429: Telegram asks to wait.
        Throttled = "429",
        /// 400 to 499 without 429.
        Refused = "4xx",
        /// 500 and more.
        Failed = "5xx",
    }
}

impl StatusClass {
    fn of(status: StatusCode) -> Self {
        match status.as_u16() {
            ..300 => Self::Success,
            300..400 => Self::Redirect,
            429 => Self::Throttled,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }
}
