//! The promises that the fuzzers try to break. The property tests use the same ones.

#[path = "../../tests/it/promises/mod.rs"]
pub mod promises;
