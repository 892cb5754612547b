//! Logs panics, without values that may hold what a person wrote.

use std::any::Any;
use std::cell::RefCell;
use std::panic;

thread_local! {
    /// The location of the last panic of this thread.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Logs each panic as one event: its location, its thread, and its text if that is harmless.
pub(super) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(location, thread, text = harmless_text(info.payload()), "a task panicked");
        // This fails in a thread that is ending, whose thread-local values are gone.
        let _ = LAST.try_with(|last| last.replace(location));
    }));
}

/// Describes a panic that this thread has just caught: its location, and its text if that is harmless.
#[must_use]
pub fn caught_panic(payload: &(dyn Any + Send)) -> String {
    let text = harmless_text(payload);
    match LAST.try_with(RefCell::take).unwrap_or_default().as_str() {
        "" => format!("it panicked: {text}"),
        location => format!("it panicked at {location}: {text}"),
    }
}

/// The text of a panic, if it is a constant of the program (`&'static str`). A formatted text (`String`) holds values,
/// which may be what a person wrote.
fn harmless_text(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("its text is withheld because it may hold what a person wrote")
}
