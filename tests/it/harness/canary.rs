//! The search for secrets in everything that the service writes: every log, response, file and command line of the
//! suite passes through here.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use doorbell::sandbox::TOKEN;
use doorbell::settings::{LogFormat, LogSettings};
use doorbell::telegram::BotToken;
use doorbell::telemetry;
use secrecy::ExposeSecret;
use tracing_subscriber::fmt::MakeWriter;

/// A mark that every secret of a test contains, and nothing else does.
pub const MARK: &str = "CANARY";

/// The texts that no output may contain: the mark, the secret part of the sandbox's token, and what is derived from it:
/// the webhook secret and the secret part of the stand-in token.
static SECRETS: LazyLock<[String; 4]> = LazyLock::new(|| {
    let secret_part = |token: &str| token.split_once(':').expect("a token has two parts").1.to_owned();
    let token = BotToken::new(TOKEN.to_owned().into());
    let (derived, stand_in) = (token.webhook_secret(), token.stand_in());
    let stand_in = secret_part(stand_in.expose_secret());
    [MARK.to_owned(), secret_part(TOKEN), derived.expose_secret().to_owned(), stand_in]
});

/// Whether the bytes contain a secret.
fn has_secret(output: &[u8]) -> bool {
    let output = String::from_utf8_lossy(output);
    SECRETS.iter().any(|secret| output.contains(secret))
}

/// Fails the test when an output contains a secret.
pub fn assert_no_secret(what: &str, output: impl AsRef<[u8]>) {
    let output = output.as_ref();
    if !std::thread::panicking() && has_secret(output) {
        let lines: Vec<_> = output.split(|byte| *byte == b'\n').filter(|line| has_secret(line)).take(5).collect();
        let lines: Vec<_> = lines.into_iter().map(String::from_utf8_lossy).collect();
        panic!("{what} contains a secret: {lines:#?}");
    }
}

/// Fails the test when an SQLite inbox or one of its journal files contains a secret.
pub fn assert_no_secret_in_inbox(path: &Path) {
    for file in ["", "-wal", "-shm"].map(|ending| format!("{}{ending}", path.display())) {
        if let Ok(output) = std::fs::read(&file) {
            assert_no_secret(&file, output);
        }
    }
}

/// The log of all services in this process, in production's format at level `trace`. It keeps only the lines that
/// contain a secret.
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Vec<String>>>);

impl Watch {
    /// The one of this process, started by the first call.
    pub fn of_this_process() -> &'static Self {
        static WATCH: LazyLock<Watch> = LazyLock::new(|| {
            let watch = Watch::default();
            tracing::subscriber::set_global_default(watch.log()).expect("no other subscriber is set");
            watch
        });
        &WATCH
    }

    fn log(&self) -> impl tracing::Subscriber + Send + Sync + use<> {
        let settings = LogSettings {
            format: LogFormat::Json,
            filter: "trace".to_owned(),
            colour: false,
            own: vec!["it".to_owned()],
        };
        telemetry::log(&settings, self.clone()).expect("a filter")
    }

    /// Fails the test when a line of any service contained a secret.
    pub fn assert_no_secret(&self) {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(std::thread::panicking() || lines.is_empty(), "the log contains a secret: {lines:#?}");
    }
}

impl Write for Watch {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if has_secret(line) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(String::from_utf8_lossy(line).into_owned());
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Watch {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Whether the check fails.
fn fails(check: impl FnOnce() + std::panic::UnwindSafe) -> bool {
    std::panic::catch_unwind(check).is_err()
}

#[test]
fn a_secret_in_an_answer_a_file_or_a_log_fails_the_test() {
    for secret in SECRETS.iter().chain([&super::SECRET.to_owned()]) {
        assert!(fails(|| assert_no_secret("an answer", format!("before {secret} after"))), "{secret}");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("inbox.db");
        std::fs::write(folder.path().join("inbox.db-wal"), format!("\0{secret}\0")).expect("it can be written");
        assert!(fails(|| assert_no_secret_in_inbox(&file)), "{secret}");

        let watch = Watch::default();
        tracing::subscriber::with_default(watch.log(), || tracing::trace!(%secret, "a line"));
        assert!(fails(std::panic::AssertUnwindSafe(|| watch.assert_no_secret())), "{secret}");
    }
    assert!(!fails(|| assert_no_secret("an answer", "nothing of that kind")));
}
