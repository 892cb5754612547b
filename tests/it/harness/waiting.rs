//! Waiting for something to happen, and no longer than a test may take.

use std::time::Duration;

/// Far longer than anything waited for takes, on a busy machine too.
const DEADLINE: Duration = Duration::from_secs(20);

/// What the future comes to.
///
/// # Panics
///
/// When it takes longer than any test may wait.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(DEADLINE, future).await;
    assert!(waited.is_ok(), "waited {DEADLINE:?} in vain for this: {what}");
    waited.expect("it has just been seen")
}

/// Asks again and again, a few milliseconds apart, until `answer` gives something.
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
