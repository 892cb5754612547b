//! The promises that the fuzzers try to break: those of the tests.

#[path = "../../tests/it/promises/mod.rs"]
pub mod promises;
