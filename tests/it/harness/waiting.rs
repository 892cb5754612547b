//! Waiting for an event, with a limit.

use std::time::Duration;

/// Much longer than any of these events takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// Awaits a future.
///
/// # Panics
///
/// When it takes longer than the limit.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    assert!(waited.is_ok(), "this did not happen within {DEADLINE:?}: {what}");
    waited.expect("checked above")
}

/// Calls `answer` every few milliseconds until it returns a value.
///
/// # Panics
///
/// As [`soon`].
pub(crate) async fn until<T>(what: &str, mut answer: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(value) = answer().await {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, asking).await
}
