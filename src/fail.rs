//! Named points at which a test can let the process die, as `kill -9` would. Release builds have
//! none: there [`point`] is empty.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(debug_assertions)]
static ARMED: OnceLock<(String, AtomicU32)> = OnceLock::new();

/// Lets the process die at the point of that name: the first time it is passed or, written
/// `name:n`, the nth time. A point that is passed with something is named with it:
/// `handling 7:1`.
pub fn arm(order: &str) {
    #[cfg(debug_assertions)]
    {
        let (name, passes) = order.rsplit_once(':').unwrap_or((order, "1"));
        // Armed once for the life of the process; a second order changes nothing.
        let _ = ARMED.set((name.to_owned(), AtomicU32::new(passes.parse().unwrap_or(1))));
    }
    #[cfg(not(debug_assertions))]
    let _ = order;
}

/// A point at which the process may be told to die.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    if let Some((armed, passes_left)) = ARMED.get()
        && armed == name
        && passes_left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// The same, of a point that is passed with something.
#[inline]
pub fn point_of(name: &'static str, what: &impl std::fmt::Display) {
    #[cfg(debug_assertions)]
    if let Some((armed, passes_left)) = ARMED.get()
        && *armed == format!("{name} {what}")
        && passes_left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
    #[cfg(not(debug_assertions))]
    let _ = (name, what);
}
