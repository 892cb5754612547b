//! The programs of this machine that some tests need.

use super::print_line;

/// Says in one visible line that tests are skipped because a tool is missing.
///
/// # Panics
///
/// When the environment has `CI=true`: there, a missing tool is a failure.
pub(crate) fn skip_without(tool: &str, tests: &str) {
    #[expect(clippy::disallowed_methods, reason = "this configures the tests, not the service")]
    let in_ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!in_ci, "{tool} is not installed, but CI=true allows no skipped test: {tests}");
    print_line(&format!("SKIPPED because {tool} is not installed: {tests}"));
}
