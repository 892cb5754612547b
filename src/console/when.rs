use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::clock::elapsed;
use crate::http::pages::Language;
use crate::humanize;

/// A time on a page: for programs the time of day, for people how long ago it was, or how far ahead it is.
#[derive(Clone, Debug)]
pub(super) struct When {
    at: Timestamp,
    /// The time of day, to the second, for the attribute `datetime`.
    pub(super) iso: String,
    /// `3 min 5 s ago`, or `in 10 s`.
    pub(super) text: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp, language: Language) -> Self {
        let (ago, ahead) = (elapsed(at, now), elapsed(now, at));
        let text = match (ago.as_secs(), ahead.as_secs()) {
            (0, 0) => language.pick("now", "сейчас").to_owned(),
            (0, _) => format!("{} {}", language.pick("in", "через"), age(ahead, language)),
            _ => format!("{} {}", age(ago, language), language.pick("ago", "назад")),
        };
        Self { at, iso: format!("{at:.0}"), text }
    }
}

impl Serialize for When {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.at.serialize(serializer)
    }
}

/// A duration in the language of the page, rounded down as in the log.
pub(super) fn age(duration: Duration, language: Language) -> String {
    let english = humanize::age(duration);
    match language {
        Language::English => english,
        Language::Russian => {
            let word = |word: &str| match word {
                "day" | "days" => "дн.".to_owned(),
                "h" => "ч".to_owned(),
                "min" => "мин".to_owned(),
                "s" => "с".to_owned(),
                other => other.to_owned(),
            };
            english.split(' ').map(word).collect::<Vec<_>>().join(" ")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_in_both_languages_and_never_as_a_bare_number() {
        for (now, english, russian) in [
            (0, "now", "сейчас"),
            (185, "3 min 5 s ago", "3 мин 5 с назад"),
            (2 * 86_400 + 3_700, "2 days 1 h ago", "2 дн. 1 ч назад"),
            (-10, "in 10 s", "через 10 с"),
        ] {
            let now = Timestamp::from_second(now).unwrap();
            let said = |language| When::new(Timestamp::UNIX_EPOCH, now, language).text;
            assert_eq!([Language::English, Language::Russian].map(said), [english, russian]);
        }
        let when = When::new(Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH, Language::English);
        assert_eq!(when.iso, "1970-01-01T00:00:00Z");
    }
}
