//! HTTP: what all routes share (problems, token checks, layers), the routes for health and metrics, the listener that
//! serves them, and the client that probes a running service.

pub mod health;
mod layers;
pub mod listener;
pub mod metrics;
mod operator;
pub mod pages;
pub mod probe;
mod problem;
mod routes;
mod token;

pub use operator::{bearer_token, require_operator_token};
pub use problem::Problem;
pub use routes::{complete, public_path};
pub use token::{TokenDigests, single_value};
