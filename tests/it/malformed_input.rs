//! Malformed input: the promises of `promises`, on the seeds and dictionaries of the fuzzers, cut up and recombined. The
//! fuzzers (`fuzz/`) continue where this ends.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;

use crate::promises;

/// The inputs for one parser: whole inputs, and the dictionary of the fuzzer.
struct Corpus {
    seeds: Vec<Vec<u8>>,
    words: Vec<Vec<u8>>,
}

/// One change to an input.
#[derive(Clone, Debug)]
enum Edit {
    Insert(Index, Vec<u8>),
    Word(Index, Index),
    Remove(Index, usize),
    /// Continues with the end of another seed.
    Continue(Index, Index, Index),
}

impl Corpus {
    fn read(parser: &str) -> Self {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let seeds = fs::read_dir(fuzz.join("seeds").join(parser)).unwrap();
        let mut seeds: Vec<_> = seeds.map(|seed| seed.unwrap().path()).collect();
        seeds.sort();
        let words = fs::read_to_string(fuzz.join("dictionaries").join(parser)).unwrap();
        let words = words.lines().map(|word| {
            // An entry of a dictionary is a JSON string, except that bytes are written as \x.
            let word: String = serde_json::from_str(&word.replace("\\x", "\\u00")).unwrap();
            word.chars().map(|byte| u8::try_from(byte).unwrap()).collect()
        });
        let corpus = Self { seeds: seeds.iter().map(|seed| fs::read(seed).unwrap()).collect(), words: words.collect() };
        assert!(corpus.seeds.len() >= 4 && corpus.words.len() >= 10, "there are inputs for {parser}");
        corpus
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

/// Checks a promise with every seed, and then with changed seeds.
fn check(parser: &str, promise: impl Fn(&[u8])) {
    let corpus = Corpus::read(parser);
    for seed in &corpus.seeds {
        promise(seed);
    }
    proptest!(|(seed: Index, edits in prop::collection::vec(edit(), 1..6))| {
        promise(&corpus.changed(seed, &edits));
    });
}

#[test]
fn an_update_is_stored_as_it_came_and_read_as_serde_json_reads_it() {
    check("updates", promises::updates);
}

#[test]
fn settings_are_valid_or_every_problem_is_named_and_no_secret_is_shown() {
    check("settings", promises::settings);
}

#[test]
fn a_reply_goes_to_its_chat_and_contains_no_markup_of_a_person() {
    check("commands", promises::commands);
}

#[test]
fn a_response_of_telegram_is_a_success_only_if_it_says_so_and_no_error_contains_the_token() {
    check("answers", promises::answers);
}

#[test]
fn every_request_gets_a_documented_status_and_no_response_repeats_it() {
    check("requests", promises::http_requests);
}
