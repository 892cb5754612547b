//! The promises of Doorbell, each with a test of the same words.

mod harness;
mod inbox_contract;
mod instances;
