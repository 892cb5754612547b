use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;

use super::explain::explain;
use crate::clock::elapsed;
use crate::humanize::count;
use crate::telegram::WebhookInfo;

/// A delivery error older than this is over: Telegram tries again after at most 2 min.
pub const RECENT: Duration = Duration::from_mins(3);

/// Fewer waiting updates than this are normal traffic.
pub const BACKLOG: u64 = 100;

/// This many checks in a row must find more updates than the check before.
const GROWING: u32 = 3;

/// Finds out from `getWebhookInfo` whether Telegram can deliver, and reports each change once.
#[derive(Debug)]
pub(super) struct Deliveries {
    /// Earlier errors are ignored: Telegram still reports an error after recovery.
    since: Timestamp,
    reported: HashSet<String>,
    pending: u64,
    grown: u32,
    piling_up: bool,
}

/// A change that must be reported.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A problem that was not reported yet.
    Trouble(String),
    /// The problem has ended.
    Over(String),
}

impl Deliveries {
    pub(super) fn new(since: Timestamp) -> Self {
        Self { since, reported: HashSet::new(), pending: 0, grown: 0, piling_up: false }
    }

    /// Ignores the errors before `since`: their cause is repaired.
    pub(super) fn restart(&mut self, since: Timestamp) {
        self.since = since;
    }

    /// Evaluates one check of the webhook. `now` is the time of day.
    pub(super) fn look(&mut self, seen: &WebhookInfo, now: Timestamp) -> Option<Report> {
        let pending = seen.pending_update_count;
        self.grown = if pending > self.pending { self.grown.saturating_add(1) } else { 0 };
        self.pending = pending;
        if let Some(message) = self.error(seen, now) {
            return self.reported.insert(message.to_owned()).then(|| Report::Trouble(error_sentence(message, pending)));
        }
        if pending >= BACKLOG && self.grown >= GROWING {
            return (!std::mem::replace(&mut self.piling_up, true)).then(|| Report::Trouble(pile_sentence(pending)));
        }
        let quiet = self.reported.is_empty() && !self.piling_up;
        if quiet || self.grown > 0 {
            return None;
        }
        self.reported.clear();
        self.piling_up = false;
        Some(Report::Over(format!("Telegram delivers this bot's updates again; {}.", waiting(pending))))
    }

    /// The error of a recent delivery, if there was one since `self.since`.
    fn error<'a>(&self, seen: &'a WebhookInfo, now: Timestamp) -> Option<&'a str> {
        let at = seen.last_error_at()?;
        // Telegram's dates have no fractions.
        let ours = at.as_second() >= self.since.as_second();
        seen.last_error_message.as_deref().filter(|_| ours && elapsed(at, now) < RECENT)
    }
}

/// The number of updates that wait at Telegram, as part of a sentence.
#[must_use]
pub fn waiting(pending: u64) -> String {
    match pending {
        0 => "no update waits at Telegram".to_owned(),
        some => format!("{} at Telegram", count(some, "update waits", "updates wait")),
    }
}

fn error_sentence(message: &str, pending: u64) -> String {
    let waiting = format!("{}, for at most 24 h, and it keeps trying", waiting(pending));
    match explain(message) {
        Some(known) => format!(
            "Telegram could not deliver an update: {message}. This means: {}. {waiting}. {}",
            known.means, known.remedy
        ),
        None => format!("Telegram could not deliver an update: {message}. {waiting}."),
    }
}

fn pile_sentence(pending: u64) -> String {
    format!(
        "Updates pile up at Telegram: {pending} wait there, more at each look. They arrive faster than this service stores \
         them. None is lost for 24 h. Raise webhook.max_connections (at most 100), and check how long the inbox takes to \
         store an update."
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
    fn an_error_and_its_end_are_each_reported_once_with_the_explanation() {
        let mut deliveries = Deliveries::new(at(1_000));
        let refused = Some((1_010, "Connection refused"));
        let Some(Report::Trouble(words)) = deliveries.look(&seen(5, refused), at(1_060)) else {
            panic!("nothing reported")
        };
        assert!(words.contains("Connection refused") && words.contains("nothing listens"), "{words}");
        assert!(words.contains("5 updates wait"), "{words}");
        assert_eq!(deliveries.look(&seen(5, refused), at(1_120)), None);
        assert!(matches!(
            deliveries.look(&seen(5, Some((1_130, "Read timeout expired"))), at(1_180)),
            Some(Report::Trouble(_))
        ));
        assert!(matches!(deliveries.look(&seen(0, refused), at(1_240)), Some(Report::Over(_))));
        assert_eq!(deliveries.look(&seen(0, refused), at(1_300)), None);
    }

    #[test]
    fn an_error_from_before_the_start_is_not_reported() {
        let mut deliveries = Deliveries::new(at(1_000));
        assert_eq!(deliveries.look(&seen(5, Some((999, "Connection refused"))), at(1_001)), None);
    }

    #[test]
    fn a_growing_backlog_is_reported_once_and_so_is_its_end() {
        let mut deliveries = Deliveries::new(at(0));
        let reports: Vec<_> = [100, 200, 300, 400, 500, 400]
            .into_iter()
            .filter_map(|pending| deliveries.look(&seen(pending, None), at(60)))
            .collect();
        assert!(
            matches!(&reports[..], [Report::Trouble(words), Report::Over(_)] if words.contains("300 wait")),
            "{reports:?}"
        );
    }
}
