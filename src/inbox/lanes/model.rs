//! The order of claims by a naive model: a list that is searched from the beginning each time. Random steps must claim the
//! same updates from the model and from the lanes.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::clock::later;
use crate::update::{Kind, Lane as KeyLane};

fn at(seconds: u64) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, Duration::from_secs(seconds))
}

/// An update of the model.
struct Entry {
    id: i64,
    key: ChatKey,
    answer_by: Option<Timestamp>,
    is_urgent: bool,
    /// The lease, while it is claimed.
    held: Option<Lease>,
    ready_at: Timestamp,
    /// Its place among those without a deadline that are ready.
    place: Option<i64>,
}

#[derive(Default)]
struct Model {
    entries: Vec<Entry>,
    last_place: i64,
    first_place: i64,
    deadlines_in_a_row: u32,
}

impl Model {
    fn push(&mut self, update: &Update) {
        let within = update.answer_within();
        self.entries.push(Entry {
            id: update.id.0,
            key: update.chat_key,
            answer_by: within.map(|within| later(update.received_at, within)),
            is_urgent: within.is_some_and(|within| within.as_secs() <= 30),
            held: None,
            ready_at: Timestamp::UNIX_EPOCH,
            place: None,
        });
        self.queue_up();
    }

    /// Whether the entry is the first of its lane, and not claimed.
    fn is_next(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        entry.held.is_none() && !self.entries[..index].iter().any(|before| before.key == entry.key)
    }

    /// Gives a place to each update that is next, is ready at once and has no deadline.
    fn queue_up(&mut self) {
        for index in 0..self.entries.len() {
            let Entry { place, answer_by, ready_at, .. } = &self.entries[index];
            if self.is_next(index) && place.is_none() && answer_by.is_none() && *ready_at == Timestamp::UNIX_EPOCH {
                self.last_place += 1;
                self.entries[index].place = Some(self.last_place);
            }
        }
    }

    /// As time passes: retries become ready, and then deadlines pass.
    fn pass(&mut self, now: Timestamp) {
        let mut due: Vec<(Timestamp, ChatKey, usize)> = (0..self.entries.len())
            .filter(|index| self.is_next(*index))
            .map(|index| (self.entries[index].ready_at, self.entries[index].key, index))
            .filter(|(at, _, _)| *at > Timestamp::UNIX_EPOCH && *at <= now)
            .collect();
        due.sort_unstable();
        for (_, _, index) in due {
            self.entries[index].ready_at = Timestamp::UNIX_EPOCH;
            self.queue_up();
        }
        let mut late: Vec<(Timestamp, bool, ChatKey, usize)> = (0..self.entries.len())
            .filter(|index| self.is_next(*index) && self.entries[*index].place.is_none())
            .filter(|index| self.entries[*index].ready_at == Timestamp::UNIX_EPOCH)
            .map(|index| (index, &self.entries[index]))
            .filter_map(|(index, entry)| Some((entry.answer_by?, !entry.is_urgent, entry.key, index)))
            .filter(|(by, _, _, _)| *by <= now)
            .collect();
        late.sort_unstable();
        for (_, _, _, index) in late {
            self.last_place += 1;
            self.entries[index].place = Some(self.last_place);
        }
    }

    /// The next update to be claimed.
    fn next(&mut self, which: Claimable) -> Option<usize> {
        let ready: Vec<usize> = (0..self.entries.len())
            .filter(|index| self.is_next(*index) && self.entries[*index].ready_at == Timestamp::UNIX_EPOCH)
            .collect();
        let with_deadline = ready
            .iter()
            .filter(|index| self.entries[**index].place.is_none())
            .filter(|index| which == Claimable::Any || self.entries[**index].is_urgent)
            .min_by_key(|index| {
                (self.entries[**index].answer_by, !self.entries[**index].is_urgent, self.entries[**index].key)
            });
        let without = ready
            .iter()
            .filter(|index| self.entries[**index].place.is_some() && which == Claimable::Any)
            .min_by_key(|index| self.entries[**index].place);
        let chosen = match (with_deadline, without) {
            (Some(index), None) => Some((*index, true)),
            (Some(index), Some(_)) if self.deadlines_in_a_row < 3 || which == Claimable::Urgent => Some((*index, true)),
            (_, Some(index)) => Some((*index, false)),
            (None, None) => None,
        };
        if which == Claimable::Any {
            self.deadlines_in_a_row = if chosen.is_some_and(|(_, has)| has) { self.deadlines_in_a_row + 1 } else { 0 };
        }
        chosen.map(|(index, _)| index)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push { chat: i64, kind: &'static str, express: bool },
    Claim { limit: usize, which: Claimable },
    Done(usize),
    Retry(usize, u64),
    Release(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![Just("message"), Just("callback_query"), Just("pre_checkout_query"), Just("inline_query")];
    let which = prop_oneof![3 => Just(Claimable::Any), 1 => Just(Claimable::Urgent)];
    prop_oneof![
        4 => (0..6_i64, kind, prop::bool::weighted(0.2)).prop_map(|(chat, kind, express)| Step::Push { chat, kind, express }),
        3 => (1..4_usize, which).prop_map(|(limit, which)| Step::Claim { limit, which }),
        3 => (0..8_usize).prop_map(Step::Done),
        1 => (0..8_usize, 1..20_u64).prop_map(|(which, seconds)| Step::Retry(which, seconds)),
        1 => (0..8_usize).prop_map(Step::Release),
        1 => (1..40_u64).prop_map(Step::Pass),
    ]
}

proptest! {
    #[test]
    fn the_lanes_claim_what_a_naive_model_claims(steps in prop::collection::vec(step(), 1..120)) {
        let (mut lanes, mut model, mut now, mut held) = (Lanes::new(1 << 20), Model::default(), 0, Vec::<Lease>::new());
        for (id, step) in (1..).zip(steps) {
            match step {
                Step::Push { chat, kind, express } => {
                    let key = ChatKey::chat(chat);
                    let key = if express { key.in_lane(KeyLane::Express) } else { key };
                    let update = Update {
                        id: UpdateId(id),
                        kind: Kind::named(kind),
                        chat_key: key,
                        received_at: at(now),
                        expires_at: at(now + 1_000),
                        sent_at: None,
                        body: bytes::Bytes::new(),
                    };
                    model.push(&update);
                    lanes.push(update);
                }
                Step::Claim { limit, which } => {
                    let claimed = lanes.claim(at(now), at(now + 10_000), limit, which);
                    model.pass(at(now));
                    let mut expected = Vec::new();
                    for claimed in &claimed {
                        let Some(index) = model.next(which) else { break };
                        expected.push(model.entries[index].id);
                        model.entries[index].held = Some(claimed.lease);
                        model.entries[index].place = None;
                        held.push(claimed.lease);
                    }
                    let ids: Vec<i64> = claimed.iter().map(|claimed| claimed.lease.update_id.0).collect();
                    prop_assert_eq!(&ids, &expected);
                    prop_assert!(ids.len() == limit || model.next(which).is_none(), "the lanes claim too few");
                }
                Step::Done(which) | Step::Retry(which, _) | Step::Release(which) => {
                    if held.is_empty() {
                        continue;
                    }
                    let lease = held.remove(which % held.len());
                    let index = model.entries.iter().position(|entry| entry.held == Some(lease)).expect("it is held");
                    match step {
                        Step::Retry(_, seconds) => {
                            lanes.settle(lease, Some(at(now + seconds)));
                            model.entries[index].ready_at = at(now + seconds);
                            model.entries[index].held = None;
                        }
                        Step::Release(_) => {
                            prop_assert!(lanes.release(lease));
                            model.entries[index].held = None;
                            if model.entries[index].answer_by.is_none() {
                                model.first_place -= 1;
                                model.entries[index].place = Some(model.first_place);
                            }
                        }
                        Step::Done(_) | Step::Push { .. } | Step::Claim { .. } | Step::Pass(_) => {
                            lanes.settle(lease, None);
                            model.entries.remove(index);
                            model.queue_up();
                        }
                    }
                }
                Step::Pass(seconds) => now += seconds,
            }
        }
    }
}
