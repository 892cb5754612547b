//! Decides how many updates the bot gets at the same time. Pure: the time is an argument.

mod visits;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::destination::Destination;
use super::status::BotStatus;
use super::suspects::Suspects;
use super::trouble::{Blame, Ended, Trouble};
use crate::clock::{Backoff, later};
use crate::update::UpdateId;
use visits::Visits;

/// The time between two attempts to reach a bot that is away. With 1 s, its return is noticed within a second.
const RETRY: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(1) };
/// How often a bot that gets no updates is checked.
const IDLE_CHECK: Duration = Duration::from_secs(10);
/// How long an update is with a bot that returns before it shows, without an answer, that the bot works on it: some turns
/// take minutes, and the others do not wait for them.
const PROOF: Duration = Duration::from_secs(1);
/// How long a suspect is with the bot alone. One that does not end the bot's process by then is with it like all others.
const ALONE: Duration = Duration::from_secs(10);
/// How many updates are remembered to which the bot answered as one that is set up wrong.
const MOST_REFUSED: usize = 1024;

/// A moment: the time of day, for people, and the steady time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) steady: Timestamp,
}

/// What is known about the bot, and which updates are with it.
pub(super) struct Availability {
    phase: Phase,
    status: BotStatus,
    /// It changes with each change of the phase, the status or the destination.
    revision: u64,
    destination: Option<Arc<Destination>>,
    /// The most updates at the same time while nothing is wrong.
    full: usize,
    /// Since when the phase has lasted.
    phase_since: Timestamp,
    visits: Visits,
    suspects: Suspects,
    /// Troubles since the bot last answered an update.
    troubles: u32,
    /// Whether the last trouble was an answer. Then a connection does not show that it is over.
    trouble_was_answer: bool,
    /// When the bot last answered or took a connection.
    seen: Timestamp,
    /// How many updates the bot has answered.
    answers: u64,
    /// The updates to which the bot answered as one that is set up wrong, with the number of answers at that time.
    refused: HashMap<UpdateId, u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// There is no destination.
    Off,
    /// The bot takes no updates. The next attempt to reach it is at this time.
    Away(Timestamp),
    /// It takes connections, and has not answered an update since: it gets one at a time.
    Returning,
    /// It takes updates.
    Available,
}

/// The right to give an update to the bot.
pub(super) struct Ticket {
    id: UpdateId,
    pub(super) destination: Arc<Destination>,
}

/// Whether an update may go to the bot.
pub(super) enum Entry {
    /// It may. [`Availability::leave`] must follow.
    Go(Ticket),
    /// It is a suspect, and other updates are with the bot.
    Wait,
    /// Not now. It costs no attempt.
    Refused(String),
}

impl Availability {
    pub(super) fn new(at: Moment) -> Self {
        Self {
            phase: Phase::Off,
            status: not_reached(at.now),
            revision: 0,
            destination: None,
            full: 1,
            phase_since: at.steady,
            visits: Visits::default(),
            suspects: Suspects::default(),
            troubles: 0,
            trouble_was_answer: false,
            seen: at.steady,
            answers: 0,
            refused: HashMap::new(),
        }
    }

    /// Whether the bot has not been tried since there is a destination.
    pub(super) fn is_untried(&self) -> bool {
        matches!(&self.status, BotStatus::Away { reason, .. } if reason == NOT_REACHED)
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn status(&self) -> &BotStatus {
        &self.status
    }

    pub(super) fn destination(&self) -> Option<&Arc<Destination>> {
        self.destination.as_ref()
    }

    /// Whether the bot gets one update after another, beside those whose turn takes long.
    pub(super) fn takes_one_at_a_time(&self) -> bool {
        self.phase == Phase::Returning || self.visits.has_suspects()
    }

    /// How many updates may be in progress.
    pub(super) fn capacity(&self) -> usize {
        match self.phase {
            Phase::Off | Phase::Away(_) => 0,
            Phase::Returning | Phase::Available if self.takes_one_at_a_time() => {
                self.full.min(self.visits.lasting() + 1)
            }
            Phase::Returning | Phase::Available => self.full,
        }
    }

    /// When [`Availability::pass`] or a check of the bot may change something. `None` while there is no destination.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        let passes = self.visits.next_to_last(self.patience()).filter(|_| self.takes_one_at_a_time());
        self.check_at().map(|check| passes.map_or(check, |passes| passes.min(check)))
    }

    /// How long an update must be with the bot before others may join it.
    fn patience(&self) -> Duration {
        if self.phase == Phase::Returning { PROOF } else { ALONE }
    }

    /// Lets others join the updates that have been with the bot for long enough.
    pub(super) fn pass(&mut self, at: Moment) {
        let (latest, was_alone) = self.visits.pass(self.patience(), at.steady);
        self.revision += u64::from(was_alone);
        if self.phase == Phase::Returning && latest.is_some_and(|since| since >= self.phase_since) {
            self.change(Phase::Available, BotStatus::Available, at.steady);
        }
    }

    /// When the bot must be checked next. `None` while there is no destination.
    pub(super) fn check_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Off => None,
            Phase::Away(at) => Some(at),
            Phase::Returning | Phase::Available => Some(later(self.seen, IDLE_CHECK)),
        }
    }

    /// Replaces the destination, which is tried at once.
    pub(super) fn redirect(&mut self, destination: Result<Destination, BotStatus>, full: usize, at: Moment) {
        self.full = full.max(1);
        (self.troubles, self.trouble_was_answer) = (0, false);
        self.refused.clear();
        match destination {
            Ok(destination) => {
                self.destination = Some(Arc::new(destination));
                // A bot that takes updates keeps its status until it is checked, a moment later.
                let status = if self.status.is_available() { BotStatus::Available } else { not_reached(at.now) };
                self.change(Phase::Away(at.steady), status, at.steady);
            }
            Err(status) => {
                self.destination = None;
                self.change(Phase::Off, status, at.steady);
            }
        }
    }

    /// Whether an update may go to the bot now. `has_waited` says that [`Entry::Wait`] was the answer before.
    pub(super) fn enter(&mut self, id: UpdateId, has_waited: bool, at: Moment) -> Entry {
        self.pass(at);
        let capacity = self.capacity();
        let Some(destination) = self.destination.clone().filter(|_| capacity > 0) else {
            return Entry::Refused("it takes no updates at the moment".to_owned());
        };
        let is_suspect = has_waited || self.suspects.contains(id, at.steady);
        if is_suspect {
            if !has_waited {
                self.visits.wait();
                // The time of the next change is earlier now.
                self.revision += 1;
            }
            if !self.visits.may_be_alone() {
                return Entry::Wait;
            }
        } else if self.visits.has_suspects() || self.visits.count() >= capacity {
            return Entry::Refused("your bot gets one update at a time just now".to_owned());
        }
        self.revision += u64::from(self.phase == Phase::Returning);
        self.visits.enter(id, is_suspect, at.steady);
        Entry::Go(Ticket { id, destination })
    }

    /// A suspect does not wait any longer.
    pub(super) fn give_up_waiting(&mut self) {
        self.visits.give_up_waiting();
    }

    /// An update is no longer with the bot.
    pub(super) fn leave(&mut self, ticket: &Ticket, ended: Ended, at: Moment) -> Blame {
        self.revision += u64::from(self.visits.leave(ticket.id));
        // An answer of an earlier destination says nothing about this one.
        let is_current = self.destination.as_ref().is_some_and(|now| Arc::ptr_eq(now, &ticket.destination));
        match ended {
            Ended::Answered => {
                self.suspects.clear(ticket.id);
                if is_current {
                    self.answered(at.steady);
                }
            }
            Ended::Cut => {
                self.suspects.add(ticket.id, at.steady);
                if is_current {
                    self.trouble(&Trouble::Unreachable(CUT.to_owned()), at);
                }
            }
            Ended::Trouble(Trouble::Misconfigured(_)) if is_current && self.is_refused_alone(ticket.id) => {
                self.answered(at.steady);
                return Blame::Update;
            }
            Ended::Trouble(trouble) if is_current => self.trouble(&trouble, at),
            Ended::Trouble(_) | Ended::Unknown => {}
        }
        Blame::Bot
    }

    /// Whether the bot has answered others since it refused this update before. Then the bot is set up right, and the
    /// answer is about the update.
    fn is_refused_alone(&mut self, id: UpdateId) -> bool {
        if self.refused.len() >= MOST_REFUSED {
            self.refused.clear();
        }
        let answers = self.answers;
        *self.refused.entry(id).or_insert(answers) < answers
    }

    fn answered(&mut self, steady: Timestamp) {
        self.seen = steady;
        self.answers += 1;
        (self.troubles, self.trouble_was_answer) = (0, false);
        if self.phase == Phase::Returning {
            self.change(Phase::Available, BotStatus::Available, steady);
        }
    }

    /// The bot of this destination was checked: it took a connection, or it did not.
    pub(super) fn checked(&mut self, destination: &Arc<Destination>, taken: Result<(), String>, at: Moment) {
        if self.destination.as_ref().is_none_or(|now| !Arc::ptr_eq(now, destination)) {
            return;
        }
        match (taken, self.phase) {
            (Ok(()), Phase::Away(due)) if due <= at.steady => {
                self.seen = at.steady;
                let status = if self.trouble_was_answer { self.status.clone() } else { BotStatus::Available };
                self.change(Phase::Returning, status, at.steady);
            }
            (Ok(()), _) => self.seen = at.steady,
            (Err(_), Phase::Away(due)) if due > at.steady => {}
            (Err(reason), _) => {
                // A trouble that is known lasts.
                if matches!(self.phase, Phase::Away(_)) {
                    self.phase = Phase::Returning;
                }
                self.trouble(&Trouble::Unreachable(reason), at);
            }
        }
    }

    /// The bot takes no updates. Several updates can meet the same trouble at the same time: it counts once.
    fn trouble(&mut self, trouble: &Trouble, at: Moment) {
        let asked_for = trouble.retry_after().map(|wait| later(at.steady, wait));
        let due = match self.phase {
            Phase::Off => return,
            Phase::Away(due) => asked_for.map_or(due, |asked_for| asked_for.max(due)),
            Phase::Returning | Phase::Available => {
                self.troubles = self.troubles.saturating_add(1);
                // After the first cut, the bot may be running still: a check says so at once.
                let is_first_cut = self.troubles == 1 && *trouble == Trouble::Unreachable(CUT.to_owned());
                let wait = if is_first_cut { Duration::ZERO } else { RETRY.wait(self.troubles, 0.0) };
                self.trouble_was_answer = !matches!(trouble, Trouble::Unreachable(_));
                let due = later(at.steady, wait);
                asked_for.map_or(due, |asked_for| asked_for.max(due))
            }
        };
        let since = match &self.status {
            BotStatus::Away { since, .. } => *since,
            BotStatus::Available | BotStatus::NoTarget { .. } | BotStatus::Paused | BotStatus::Misconfigured { .. } => {
                at.now
            }
        };
        let status = match trouble {
            Trouble::Misconfigured(sentence) => BotStatus::Misconfigured { sentence: sentence.clone() },
            Trouble::Unreachable(reason) | Trouble::Unavailable { reason, .. } | Trouble::Throttled { reason, .. } => {
                BotStatus::Away { since, reason: reason.clone() }
            }
        };
        self.change(Phase::Away(due), status, at.steady);
    }

    fn change(&mut self, phase: Phase, status: BotStatus, steady: Timestamp) {
        if self.phase != phase {
            self.phase_since = steady;
        }
        (self.phase, self.status) = (phase, status);
        self.revision += 1;
    }
}

/// What a cut connection says about the bot.
const CUT: &str = "it closed the connection without an answer, as a process that ends does; the updates that were with it \
                   are tried one at a time";

const NOT_REACHED: &str = "it has not been reached yet";

fn not_reached(now: Timestamp) -> BotStatus {
    BotStatus::Away { since: now, reason: NOT_REACHED.to_owned() }
}

#[cfg(test)]
mod tests;
