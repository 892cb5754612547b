use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::meaning::meaning;
use crate::clock::elapsed;
use crate::telegram::WebhookInfo;

/// An error counts as over when it is older than this: Telegram tries again after 2 min at most.
const OVER: Duration = Duration::from_mins(3);

/// Fewer updates than this do not pile up; they arrive.
const FEW: u64 = 100;

/// As many looks in a row must find more updates than the one before.
const GROWING: u32 = 3;

/// Telegram's trouble with delivering, as its answers tell it: put into words once a change.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// Errors of an earlier time are not ours: they stay at Telegram after recovery.
    since: Timestamp,
    told: HashSet<String>,
    pending: u64,
    grown: u32,
    piling_up: bool,
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// There is a trouble that was not told yet.
    Trouble(String),
    /// There is none any more.
    Over(String),
}

impl Deliveries {
    pub(super) fn new(since: Timestamp) -> Self {
        Self { since, told: HashSet::new(), pending: 0, grown: 0, piling_up: false }
    }

    /// Forgets the errors before `since`: what had led to them is healed.
    pub(super) fn start_again(&mut self, since: Timestamp) {
        self.since = since;
    }

    /// Reads one look at the webhook.
    pub(super) fn look(&mut self, seen: &WebhookInfo, now: Timestamp) -> Option<Told> {
        let pending = seen.pending_update_count;
        self.grown = if pending > self.pending { self.grown.saturating_add(1) } else { 0 };
        self.pending = pending;
        if let Some(message) = self.error(seen, now) {
            return self.told.insert(message.to_owned()).then(|| Told::Trouble(error_in_words(message, pending)));
        }
        if pending >= FEW && self.grown >= GROWING {
            return (!std::mem::replace(&mut self.piling_up, true)).then(|| Told::Trouble(pile(pending)));
        }
        let quiet = self.told.is_empty() && !self.piling_up;
        if quiet || self.grown > 0 {
            return None;
        }
        self.told.clear();
        self.piling_up = false;
        Some(Told::Over(format!("Telegram delivers this bot's updates again; {}.", waiting(pending))))
    }

    /// The error that Telegram met lately, if it met one since we are here.
    fn error<'a>(&self, seen: &'a WebhookInfo, now: Timestamp) -> Option<&'a str> {
        let at = Timestamp::from_second(seen.last_error_date?).ok()?;
        // Telegram's dates have no fractions.
        let ours = at.as_second() >= self.since.as_second();
        seen.last_error_message.as_deref().filter(|_| ours && elapsed(at, now) < OVER)
    }
}

/// How many updates wait at Telegram, as part of a sentence.
#[must_use]
pub fn waiting(pending: u64) -> String {
    match pending {
        0 => "no update waits at Telegram".to_owned(),
        1 => "1 update waits at Telegram".to_owned(),
        more => format!("{more} updates wait at Telegram"),
    }
}

fn error_in_words(message: &str, pending: u64) -> String {
    let waiting = format!("{}, for 24 h at most, and it tries again by itself", waiting(pending));
    match meaning(message) {
        Some(meaning) => format!(
            "Telegram could not deliver an update: {message}. This means: {}. {waiting}. {}",
            meaning.means, meaning.remedy
        ),
        None => format!("Telegram could not deliver an update: {message}. {waiting}."),
    }
}

fn pile(pending: u64) -> String {
    format!(
        "Updates pile up at Telegram: {pending} wait there, more at each look. They come faster than this service takes \
         them in. None is lost for 24 h. Raise webhook.max_connections (100 at most), and look at how long the inbox \
         takes to store an update."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seen(pending: u64, error: Option<(i64, &str)>) -> WebhookInfo {
        WebhookInfo {
            pending_update_count: pending,
            last_error_date: error.map(|(at, _)| at),
            last_error_message: error.map(|(_, message)| message.to_owned()),
            ..WebhookInfo::default()
        }
    }

    #[test]
    fn an_error_is_told_once_with_its_meaning_and_so_is_its_end() {
        let mut deliveries = Deliveries::new(at(1_000));
        let refused = Some((1_010, "Connection refused"));
        let Some(Told::Trouble(words)) = deliveries.look(&seen(5, refused), at(1_060)) else { panic!("nothing told") };
        assert!(words.contains("Connection refused") && words.contains("nothing listens"), "{words}");
        assert!(words.contains("5 updates wait"), "{words}");
        assert_eq!(deliveries.look(&seen(5, refused), at(1_120)), None);
        assert!(matches!(
            deliveries.look(&seen(5, Some((1_130, "Read timeout expired"))), at(1_180)),
            Some(Told::Trouble(_))
        ));
        assert!(matches!(deliveries.look(&seen(0, refused), at(1_240)), Some(Told::Over(_))));
        assert_eq!(deliveries.look(&seen(0, refused), at(1_300)), None);
    }

    #[test]
    fn an_error_from_before_our_time_is_not_told() {
        let mut deliveries = Deliveries::new(at(1_000));
        assert_eq!(deliveries.look(&seen(5, Some((999, "Connection refused"))), at(1_001)), None);
    }

    #[test]
    fn updates_that_pile_up_are_told_once_until_they_do_no_more() {
        let mut deliveries = Deliveries::new(at(0));
        let told: Vec<_> = [100, 200, 300, 400, 500, 400]
            .into_iter()
            .filter_map(|pending| deliveries.look(&seen(pending, None), at(60)))
            .collect();
        assert!(matches!(&told[..], [Told::Trouble(words), Told::Over(_)] if words.contains("300 wait")), "{told:?}");
    }
}
