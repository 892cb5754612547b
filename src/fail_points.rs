//! Named fail points: a test can abort the process there, as `kill -9` would, make a task panic, or hang a thread.
//! Release builds have none: [`point`] does nothing there.

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
    effect: Effect,
}

#[cfg(debug_assertions)]
#[derive(Clone, Copy)]
enum Effect {
    Abort,
    Panic,
    Hang,
}

/// Arms one fail point, once for the life of the process. `name` aborts the process when the point is passed for the
/// first time, `name:n` when it is passed for the nth time. `panic name:n` makes the task panic there, and
/// `hang name:n` hangs its thread for ever. The name of a point with a value includes it: `handling 7:1`.
pub fn arm(spec: &str) {
    #[cfg(debug_assertions)]
    {
        let (name, effect) = match spec.split_once(' ') {
            Some(("panic", name)) => (name, Effect::Panic),
            Some(("hang", name)) => (name, Effect::Hang),
            _ => (spec, Effect::Abort),
        };
        let (name, passes) = name.rsplit_once(':').unwrap_or((name, "1"));
        let passes_left = AtomicU32::new(passes.parse().unwrap_or(1));
        // A second call changes nothing.
        let _ = ARMED.set(Armed { name: name.to_owned(), passes_left, effect });
    }
    #[cfg(not(debug_assertions))]
    let _ = spec;
}

#[cfg(debug_assertions)]
impl Armed {
    #[expect(clippy::panic, reason = "a test asked for it")]
    fn pass(&self) {
        if self.passes_left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        match self.effect {
            Effect::Abort => std::process::abort(),
            Effect::Panic => panic!("the fail point {} was passed", self.name),
            Effect::Hang => {
                tracing::warn!(point = self.name, "a thread hangs");
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

/// A fail point.
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

/// A fail point with a value, which is part of its name.
#[inline]
pub fn point_of(name: &'static str, value: &impl std::fmt::Display) {
    #[cfg(debug_assertions)]
    if let Some(armed) = ARMED.get()
        && armed.name == format!("{name} {value}")
    {
        armed.pass();
    }
    #[cfg(not(debug_assertions))]
    let _ = (name, value);
}
