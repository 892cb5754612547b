//! What tests stand on.

pub(crate) mod postgres;
pub(crate) mod waiting;
