use std::fmt::Display;
use std::io::{self, Write as _};

/// Prints a line to standard output. A closed pipe is not an error.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// The text without control characters: what comes from another program must not control the terminal.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "")
}
