use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::FutureExt;
use http_body_util::BodyExt;

use crate::clock::Clock;

/// The deadline of a body. Telegram itself gives up after 60 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

/// Why a body was not read.
pub(super) enum Unread {
    BrokenOff,
    TooSlow,
}

/// Reads a body of `length` bytes.
pub(super) async fn read(body: Body, length: usize, clock: &dyn Clock) -> Result<Bytes, Unread> {
    let mut reading = pin!(collect(body, length));
    // Most bodies have arrived with their head, and need no timer.
    if let Some(read) = reading.as_mut().now_or_never() {
        return read.or(Err(Unread::BrokenOff));
    }
    tokio::select! {
        biased;
        read = reading => read.or(Err(Unread::BrokenOff)),
        () = clock.sleep(DEADLINE) => Err(Unread::TooSlow),
    }
}

/// Copies the body, because its pieces are parts of the connection's whole buffer and would keep all of it in memory.
async fn collect(mut body: Body, length: usize) -> Result<Bytes, axum::Error> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes.into())
}

/// Bounds the memory of all bodies that are being read or wait for the inbox.
pub(super) struct BodyBudget {
    free: AtomicUsize,
}

impl BodyBudget {
    pub(super) fn new(bytes: usize) -> Self {
        Self { free: AtomicUsize::new(bytes) }
    }

    /// Reserves `bytes` until the reservation is dropped. `None` when less is free.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Reservation<'_>> {
        let reserved = self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |free| free.checked_sub(bytes));
        reserved.ok().map(|_| Reservation { bytes, budget: self })
    }
}

/// A part of the budget that is in use.
pub(super) struct Reservation<'a> {
    bytes: usize,
    budget: &'a BodyBudget,
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.budget.free.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_never_exceeded_and_a_dropped_reservation_is_free_again() {
        let budget = BodyBudget::new(10);
        let first = budget.reserve(6).unwrap();
        assert!(budget.reserve(5).is_none());
        let second = budget.reserve(4).unwrap();
        assert!(budget.reserve(1).is_none());
        drop((first, second));
        assert!(budget.reserve(10).is_some());
    }
}
