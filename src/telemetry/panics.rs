use std::any::Any;
use std::cell::RefCell;
use std::panic;

thread_local! {
    /// Where this thread panicked last.
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Logs every panic as one event among the others: where it happened, in which thread, and its text where that is
/// harmless.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(place, thread, text = words(info.payload()), "a task panicked");
        // A thread that is ending has no place for it any more.
        let _ = LAST.try_with(|last| last.replace(place));
    }));
}

/// What a panic was that this thread has just caught: where it happened, and its text where that is harmless.
#[must_use]
pub fn caught_panic(payload: &(dyn Any + Send)) -> String {
    let text = words(payload);
    match LAST.try_with(RefCell::take).unwrap_or_default().as_str() {
        "" => format!("it panicked: {text}"),
        place => format!("it panicked at {place}: {text}"),
    }
}

/// What a panic says, as far as it may be repeated. A text that stands in the program (`&'static str`) says what its
/// author wrote. One that was put together (`String`) holds values, and they may be what a person wrote.
fn words(payload: &(dyn Any + Send)) -> &'static str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .unwrap_or("its text is withheld because it may hold what a person wrote")
}
