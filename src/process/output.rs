use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};

use super::bot_process::Pipes;
use super::redaction::Redaction;
use crate::clock::SharedClock;
use crate::telemetry;

/// The longest line that is passed on, in bytes. The rest of a longer one is dropped. With the longest queue of the log this
/// bounds the memory of lines that nobody reads.
const LONGEST_LINE: usize = 8 * 1024;
/// The most lines that are kept.
const KEPT_LINES: usize = 200;
/// The most bytes of text that are kept.
const KEPT_BYTES: usize = 128 * 1024;

/// The output of your bot. Each line is passed on to the log, and the last ones are kept. Clones share the lines.
#[derive(Clone)]
pub struct Output {
    lines: Arc<Mutex<Lines>>,
    redaction: Redaction,
    clock: SharedClock,
}

/// A line that your bot wrote, without the secrets that Doorbell gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was read.
    pub at: Timestamp,
    /// Where it was written: `stdout` or `stderr`.
    pub stream: &'static str,
    /// The text. It may contain control characters.
    pub text: String,
}

#[derive(Default)]
struct Lines {
    kept: VecDeque<Line>,
    bytes: usize,
}

impl Lines {
    fn keep(&mut self, line: Line) {
        self.bytes += line.text.len();
        self.kept.push_back(line);
        while self.kept.len() > KEPT_LINES || self.bytes > KEPT_BYTES {
            self.bytes -= self.kept.pop_front().map_or(self.bytes, |oldest| oldest.text.len());
        }
    }
}

impl Output {
    pub(super) fn new(redaction: Redaction, clock: SharedClock) -> Self {
        Self { lines: Arc::default(), redaction, clock }
    }

    /// The last lines, the oldest first.
    #[must_use]
    pub fn last_lines(&self) -> Vec<Line> {
        self.lines.lock().kept.iter().cloned().collect()
    }

    /// Reads both pipes until every process of the bot has closed them.
    pub(super) async fn read(&self, pipes: Pipes) {
        let Pipes { stdout, stderr } = pipes;
        tokio::join!(
            self.read_lines(BufReader::new(stdout), "stdout"),
            self.read_lines(BufReader::new(stderr), "stderr")
        );
    }

    async fn read_lines(&self, mut from: impl AsyncBufRead + Unpin, stream: &'static str) {
        // A secret at the end of the longest line is read to its end, so that it is recognised.
        let most = LONGEST_LINE + self.redaction.longest();
        let (mut line, mut length) = (Vec::new(), 0);
        loop {
            let (used, is_whole) = match from.fill_buf().await {
                Ok([]) | Err(_) => break,
                Ok(bytes) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let part = &bytes[..end.unwrap_or(bytes.len())];
                    line.extend_from_slice(&part[..part.len().min(most - line.len())]);
                    length += part.len();
                    (part.len() + usize::from(end.is_some()), end.is_some())
                }
            };
            from.consume(used);
            if is_whole {
                self.pass_on(&line, length, stream);
                line.clear();
                length = 0;
            }
        }
        if length > 0 {
            self.pass_on(&line, length, stream);
        }
    }

    /// Passes on what was read of a line of this length.
    fn pass_on(&self, line: &[u8], length: usize, stream: &'static str) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut text = self.redaction.apply(String::from_utf8_lossy(line).into_owned());
        if length > LONGEST_LINE {
            text.truncate(text.floor_char_boundary(LONGEST_LINE));
            text.push_str("… (the line was cut)");
        }
        let at = self.clock.now();
        telemetry::pass_on(at, stream, &text);
        self.lines.lock().keep(Line { at, stream, text });
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::clock::ManualClock;

    async fn read(bytes: &[u8], secret: &str) -> Vec<String> {
        let clock = Arc::new(ManualClock::new(Timestamp::UNIX_EPOCH));
        let output = Output::new(Redaction::new(&[&SecretString::from(secret)]), clock);
        output.read_lines(BufReader::new(bytes), "stdout").await;
        output.last_lines().into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn the_output_is_split_into_lines_and_what_is_not_text_is_replaced() {
        let lines = read(b"first\r\n\nl\xc3\xa4st \xff\nwithout an end", "").await;
        assert_eq!(lines, ["first", "", "läst \u{fffd}", "without an end"]);
        assert!(read(b"", "").await.is_empty());
    }

    #[tokio::test]
    async fn a_long_line_is_cut_and_the_next_one_is_whole() {
        let long = "ä".repeat(LONGEST_LINE * 3);
        let lines = read(format!("{long}\nnext\n").as_bytes(), "").await;
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].ends_with("ä… (the line was cut)") && lines[0].len() <= LONGEST_LINE + 30,
            "{}",
            lines[0].len()
        );
        assert_eq!(lines[1], "next");
    }

    #[tokio::test]
    async fn no_part_of_a_secret_remains_at_the_end_of_a_line_that_was_cut() {
        let secret = "a-secret-of-this-bot";
        let text = format!("{}{secret} and more\n", "x".repeat(LONGEST_LINE - 5));
        let lines = read(text.as_bytes(), secret).await;
        assert!(!lines[0].contains("a-sec") && lines[0].contains("x[secr"), "{}", &lines[0][LONGEST_LINE - 20..]);
    }

    #[tokio::test]
    async fn only_the_last_lines_are_kept() {
        let many: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
        let lines = read(many.join("\n").as_bytes(), "").await;
        assert_eq!((lines.len(), lines[0].as_str(), lines[199].as_str()), (200, "800", "999"));
        let long = format!("{}\n", "x".repeat(LONGEST_LINE)).repeat(100);
        assert_eq!(read(long.as_bytes(), "").await.len(), KEPT_BYTES / LONGEST_LINE);
    }
}
