//! Installs a bot as its README says, in a throw-away folder.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The language of a bot, which decides how it is installed and started.
#[derive(Clone, Copy)]
pub(super) enum Language {
    Python,
    JavaScript,
    Rust,
}

impl Language {
    /// The tool that installs it, if it is not there.
    pub(super) fn missing_tool(self) -> Option<&'static str> {
        let tool = match self {
            Self::Python => "python3",
            Self::JavaScript => "npm",
            Self::Rust => "cargo",
        };
        let found = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_err().then_some(tool)
    }

    fn installation(self) -> &'static str {
        match self {
            Self::Python => "python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt",
            Self::JavaScript => "npm install --no-audit --no-fund",
            Self::Rust => "CARGO_BUILD_JOBS=1 cargo build --quiet --target-dir target",
        }
    }

    /// The command that starts it.
    pub(super) fn command(self) -> &'static [&'static str] {
        match self {
            Self::Python => &[".venv/bin/python", "bot.py"],
            Self::JavaScript => &["node", "bot.js"],
            Self::Rust => &["target/debug/teloxide-bot"],
        }
    }
}

/// An installed bot.
pub(super) struct Installed {
    pub(super) folder: TempDir,
    pub(super) command: &'static [&'static str],
}

impl Installed {
    pub(super) fn new(name: &str, language: Language) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bot = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/bots").join(name);
        copy(&bot, folder.path());
        let mut shell = Command::new("sh");
        shell.args(["-c", language.installation()]).current_dir(folder.path());
        // Without compiled modules a large Python library needs many seconds to start.
        shell.env_remove("PYTHONDONTWRITEBYTECODE");
        let installed = shell.output().expect("a shell is there");
        let errors = String::from_utf8_lossy(&installed.stderr);
        assert!(installed.status.success(), "{name} cannot be installed: {errors}");
        Self { folder, command: language.command() }
    }
}

/// Copies the files of a bot, without what was installed beside them.
fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("the bot exists") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name");
        if path.is_file() {
            std::fs::copy(&path, to.join(name)).expect("it can be copied");
        } else if name == "src" {
            std::fs::create_dir(to.join(name)).expect("it can be created");
            copy(&path, &to.join(name));
        }
    }
}
