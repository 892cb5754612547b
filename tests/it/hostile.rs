//! Whatever comes in: the promises of `promises`, on the seeds and words of the fuzzers, cut up and
//! put together anew. The fuzzers (`fuzz/`) go on where this ends.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::promises;

/// What one reader is fed: whole inputs, and pieces of which such inputs are made.
struct Fodder {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

/// One change to an input.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, Vec<u8>),
    Word(Index, Index),
    Remove(Index, usize),
    /// What follows is what follows in another seed.
    Continue(Index, Index, Index),
}

impl Fodder {
    fn of(reader: &str) -> Self {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let seeds = fs::read_dir(fuzz.join("seeds").join(reader)).unwrap();
        let mut seeds: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
        seeds.sort();
        let words = fs::read_to_string(fuzz.join("dictionaries").join(reader)).unwrap();
        let words = words.lines().map(|word| {
            // A fuzzer's word is written as JSON writes a text, but for its bytes.
            let word: String = serde_json::from_str(&word.replace("\\x", "\\u00")).unwrap();
            word.chars().map(|byte| u8::try_from(byte).unwrap()).collect()
        });
        let fodder = Self { seeds: seeds.iter().map(|seed| fs::read(seed).unwrap()).collect(), words: words.collect() };
        assert!(fodder.seeds.len() >= 4 && fodder.words.len() >= 10, "there is something to feed to {reader}");
        fodder
    }

    fn changed(&self, seed: Index, edits: &[Edit]) -> Vec<u8> {
        let mut input = seed.get(&self.seeds).clone();
        for edit in edits {
            match edit {
                Edit::Insert(at, bytes) => insert(&mut input, *at, bytes),
                Edit::Word(at, word) => insert(&mut input, *at, word.get::<Vec<u8>>(&self.words)),
                Edit::Remove(at, length) => {
                    let from = at.index(input.len() + 1);
                    input.drain(from..(from + length).min(input.len()));
                }
                Edit::Continue(at, other, from) => {
                    input.truncate(at.index(input.len() + 1));
                    let other = other.get(&self.seeds);
                    input.extend_from_slice(&other[from.index(other.len() + 1)..]);
                }
            }
        }
        input
    }
}

fn insert(input: &mut Vec<u8>, at: Index, bytes: &[u8]) {
    let at = at.index(input.len() + 1);
    input.splice(at..at, bytes.iter().copied());
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..5)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(at, word)| Edit::Word(at, word)),
        (any::<Index>(), 1..9_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<Index>(), any::<Index>(), any::<Index>()).prop_map(|(at, seed, from)| Edit::Continue(at, seed, from)),
    ]
}

/// Feeds a reader with every seed, and then with changed ones.
fn feed(reader: &str, promise: impl Fn(&[u8])) {
    let fodder = Fodder::of(reader);
    for seed in &fodder.seeds {
        promise(seed);
    }
    proptest!(|(seed: Index, edits in prop::collection::vec(edit(), 1..6))| {
        promise(&fodder.changed(seed, &edits));
    });
}

#[test]
fn an_update_is_kept_as_it_came_and_read_as_serde_json_reads_it() {
    feed("updates", promises::updates);
}

#[test]
fn settings_are_right_or_every_problem_is_named_and_no_secret_is_told() {
    feed("settings", promises::settings);
}

#[test]
fn a_reply_goes_to_its_chat_and_holds_no_markup_of_a_persons() {
    feed("commands", promises::commands);
}

#[test]
fn an_answer_of_telegrams_is_a_success_only_if_it_says_so_and_no_error_holds_the_token() {
    feed("answers", promises::answers);
}

#[test]
fn the_door_answers_with_documented_statuses_and_repeats_nothing() {
    feed("requests", promises::http_requests);
}
