//! Formats numbers and durations for sentences in logs, errors and pages: `1 update`, `2 updates`, `3 min`.

use std::time::Duration;

/// A number with its noun: `count(1, "update", "updates")` is `1 update`.
#[must_use]
pub fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

/// A number of repetitions: `once`, `twice`, `3 times`.
#[must_use]
pub fn times(number: impl Into<u64>) -> String {
    match number.into() {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => format!("{number} times"),
    }
}

/// A duration, exact to the millisecond: `2 days`, `1 h 30 min`, `100 ms`. The settings accept this form.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let whole = duration.as_secs();
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    let milliseconds = u64::from(duration.subsec_millis());
    let day = if days == 1 { "day" } else { "days" };
    let parts = [(days, day), (hours, "h"), (minutes, "min"), (seconds, "s"), (milliseconds, "ms")];
    let shown: Vec<_> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

/// An age, rounded down for a reader: to seconds below an hour, to minutes below a day, otherwise to hours.
#[must_use]
pub fn age(age: Duration) -> String {
    let step = match age.as_secs() {
        0..3_600 => 1,
        3_600..86_400 => 60,
        _ => 3_600,
    };
    duration(Duration::from_secs(age.as_secs() / step * step))
}

/// The first `most` characters of a text, with `…` after them if there are more.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_one_takes_the_singular() {
        let updates = [0_u32, 1, 2].map(|number| count(number, "update", "updates"));
        assert_eq!(updates, ["0 updates", "1 update", "2 updates"]);
        assert_eq!([1_u32, 2, 3].map(times), ["once", "twice", "3 times"]);
    }

    #[test]
    fn a_text_that_was_cut_ends_in_an_ellipsis() {
        assert_eq!(["", "äöü", "äöüß"].map(|text| shortened(text, 3)), ["", "äöü", "äöü…"]);
    }

    #[test]
    fn a_duration_is_readable_and_the_settings_accept_it() {
        for (seconds, written) in [
            (0.0, "0 s"),
            (0.001, "1 ms"),
            (1.5, "1 s 500 ms"),
            (90.0, "1 min 30 s"),
            (172_800.0, "2 days"),
            (86_400.0, "1 day"),
            (365.0 * 86_400.0, "365 days"),
        ] {
            let exact = Duration::from_secs_f64(seconds);
            assert_eq!(duration(exact), written);
            assert_eq!(humantime::parse_duration(written).unwrap(), exact);
        }
    }

    #[test]
    fn an_age_is_rounded_down() {
        let ages = [59, 3_725, 90_061].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["59 s", "1 h 2 min", "1 day 1 h"]);
    }
}
