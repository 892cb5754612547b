use std::io::{self, Write};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use super::canary::assert_no_secret;

/// The log of this test's thread, from level `info`.
pub struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures the log until it is dropped.
    pub fn capture() -> Self {
        // With a single subscriber, tracing lets the first thread decide for all threads whether an event is
        // enabled, and the threads of other tests have no subscriber.
        static SECOND: OnceLock<Dispatch> = OnceLock::new();
        SECOND.get_or_init(|| Dispatch::new(tracing_subscriber::registry()));
        let lines = Lines::default();
        let log = tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::INFO);
        let guard = tracing::subscriber::set_default(log.with_writer(lines.clone()).finish());
        Self { lines, _guard: guard }
    }

    /// The lines that contain this text.
    pub fn lines(&self, words: &str) -> Vec<String> {
        let bytes = self.lines.0.lock().expect("no panic").clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().filter(|line| line.contains(words)).map(ToOwned::to_owned).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        assert_no_secret("the log", &*self.lines.0.lock().expect("no panic"));
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
