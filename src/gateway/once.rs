use std::sync::atomic::{AtomicBool, Ordering};

/// Something that is said once in the life of the process.
#[derive(Debug, Default)]
pub(super) struct Once(AtomicBool);

impl Once {
    /// Whether this is the first time.
    pub(super) fn first(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }
}
