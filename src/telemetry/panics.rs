use std::panic;

/// Logs every panic with its place, as one event among the others. What a panic says may be
/// anything, a person's words among it, and is left out.
pub(super) fn log_them() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a task panicked");
    }));
}
