//! Named points at which a test can let the process die, as `kill -9` would, a task panic, or a thread hang. Release
//! builds have none: there [`point`] is empty.

#[cfg(debug_assertions)]
use std::sync::OnceLock;
#[cfg(debug_assertions)]
use std::sync::atomic::{AtomicU32, Ordering};

#[cfg(debug_assertions)]
static ARMED: OnceLock<Armed> = OnceLock::new();

#[cfg(debug_assertions)]
struct Armed {
    name: String,
    passes_left: AtomicU32,
    how: How,
}

#[cfg(debug_assertions)]
#[derive(Clone, Copy)]
enum How {
    Dies,
    Panics,
    Hangs,
}

/// Lets the process die at the point of that name: the first time it is passed or, written
/// `name:n`, the nth time. A point that is passed with something is named with it:
/// `handling 7:1`. With `panic name:n` the task panics there, and with `hang name:n` its thread
/// hangs for ever.
pub fn arm(order: &str) {
    #[cfg(debug_assertions)]
    {
        let (name, how) = match order.split_once(' ') {
            Some(("panic", name)) => (name, How::Panics),
            Some(("hang", name)) => (name, How::Hangs),
            _ => (order, How::Dies),
        };
        let (name, passes) = name.rsplit_once(':').unwrap_or((name, "1"));
        let passes_left = AtomicU32::new(passes.parse().unwrap_or(1));
        // Armed once for the life of the process; a second order changes nothing.
        let _ = ARMED.set(Armed { name: name.to_owned(), passes_left, how });
    }
    #[cfg(not(debug_assertions))]
    let _ = order;
}

#[cfg(debug_assertions)]
impl Armed {
    #[expect(clippy::panic, reason = "a test asked for it")]
    fn pass(&self) {
        if self.passes_left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        match self.how {
            How::Dies => std::process::abort(),
            How::Panics => panic!("the fail point {} was passed", self.name),
            How::Hangs => {
                tracing::warn!(point = self.name, "a thread hangs");
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

/// A point at which the process may be told to die.
#[inline]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    if let Some(armed) = ARMED.get()
        && armed.name == name
    {
        armed.pass();
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// The same, of a point that is passed with something.
#[inline]
pub fn point_of(name: &'static str, what: &impl std::fmt::Display) {
    #[cfg(debug_assertions)]
    if let Some(armed) = ARMED.get()
        && armed.name == format!("{name} {what}")
    {
        armed.pass();
    }
    #[cfg(not(debug_assertions))]
    let _ = (name, what);
}
