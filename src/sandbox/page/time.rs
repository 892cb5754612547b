use std::time::Duration;

use askama::Template;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

/// A time of day. The script shows it in the time zone of the browser; without it, it is UTC.
#[derive(Template)]
#[template(ext = "html", source = r#"<time datetime="{{ self.iso }}">{{ self.clock }}</time>"#)]
pub(super) struct Time {
    iso: String,
    clock: String,
}

impl Time {
    pub(super) fn of(at: Timestamp) -> Self {
        Self { iso: format!("{at:.3}"), clock: clock(at) }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.iso)
    }
}

/// The time of day in UTC, such as `12:03:01`.
pub(super) fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S").to_string()
}

/// A duration in milliseconds, such as `3.2 ms`.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
}
