use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::FutureExt;
use http_body_util::BodyExt;

use crate::clock::Clock;

/// A body that takes longer than this is given up; Telegram itself gives up after 60 s.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

/// Why there is no body.
pub(super) enum Unread {
    BrokenOff,
    TooSlow,
}

/// Reads a body of so many bytes.
pub(super) async fn read(body: Body, length: usize, clock: &dyn Clock) -> Result<Bytes, Unread> {
    let mut reading = pin!(collect(body, length));
    // Most bodies have come with their head: they need no timer.
    if let Some(read) = reading.as_mut().now_or_never() {
        return read.or(Err(Unread::BrokenOff));
    }
    tokio::select! {
        biased;
        read = reading => read.or(Err(Unread::BrokenOff)),
        () = clock.sleep(DEADLINE) => Err(Unread::TooSlow),
    }
}

/// Makes a copy: the pieces that come are parts of the connection's whole buffer.
async fn collect(mut body: Body, length: usize) -> Result<Bytes, axum::Error> {
    let mut bytes = Vec::with_capacity(length);
    while let Some(frame) = body.frame().await {
        if let Ok(piece) = frame?.into_data() {
            bytes.extend_from_slice(&piece);
        }
    }
    Ok(bytes.into())
}

/// The memory for bodies that are being read or wait for the inbox, all requests together.
pub(super) struct Allowance {
    left: AtomicUsize,
}

impl Allowance {
    pub(super) fn of(bytes: usize) -> Self {
        Self { left: AtomicUsize::new(bytes) }
    }

    /// So many bytes, until what is returned is dropped; `None` when there are not so many left.
    pub(super) fn take(&self, bytes: usize) -> Option<Taken<'_>> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.ok().map(|_| Taken { bytes, of: self })
    }
}

/// A part of an allowance that is in use.
pub(super) struct Taken<'a> {
    bytes: usize,
    of: &'a Allowance,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.of.left.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allowance_is_never_exceeded_and_comes_back() {
        let allowance = Allowance::of(10);
        let first = allowance.take(6).unwrap();
        assert!(allowance.take(5).is_none());
        let second = allowance.take(4).unwrap();
        assert!(allowance.take(1).is_none());
        drop((first, second));
        assert!(allowance.take(10).is_some());
    }
}
