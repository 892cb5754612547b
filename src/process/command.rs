use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

/// The folders that are searched for a program if `PATH` is not set.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The command that starts your bot. Its program was found.
#[derive(Clone)]
pub struct Command {
    /// The program and its arguments.
    pub(super) words: Vec<OsString>,
    /// The environment that the bot inherits.
    pub(super) inherited: Vec<(OsString, OsString)>,
    /// The file of the program `doorbell`, which is started as the guardian.
    pub(super) helper: PathBuf,
}

impl Command {
    /// A command whose program exists and can be executed. `inherited` is the environment without the variables of
    /// Doorbell, and `helper` the file of the program `doorbell`.
    ///
    /// # Errors
    ///
    /// When there is no program of that name, or it cannot be executed.
    pub fn new(
        words: Vec<OsString>,
        inherited: Vec<(OsString, OsString)>,
        helper: PathBuf,
    ) -> Result<Self, CommandError> {
        let program = words.first().map(OsString::as_os_str).unwrap_or_default();
        let path = inherited.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
        find(program, path.unwrap_or(OsStr::new(DEFAULT_PATH)))?;
        Ok(Self { words, inherited, helper })
    }

    /// The program as it was written.
    pub(super) fn program(&self) -> String {
        self.words.first().map(|program| program.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

/// Why a command cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// There is no such program.
    #[error("your bot cannot be started: there is no program \"{program}\"")]
    NotFound {
        /// The program as it was written.
        program: String,
    },
    /// The file is not a program, or may not be executed.
    #[error("your bot cannot be started: \"{program}\" cannot be executed")]
    NotExecutable {
        /// The program as it was written.
        program: String,
    },
}

impl CommandError {
    /// What the operator can do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NotFound { program } if program.contains(char::is_whitespace) => {
                "Write the command without quotation marks around all of it: each word after -- is one argument, as in \
                 `doorbell serve -- python bot.py`."
                    .to_owned()
            }
            Self::NotFound { program } if program.contains('/') => {
                "Check the path. A relative one begins at the folder in which Doorbell was started.".to_owned()
            }
            Self::NotFound { .. } => {
                "Check the spelling. It is in no folder of the variable PATH: install it, or write its \
                                      whole path. In a container, the program must be part of the image."
                    .to_owned()
            }
            Self::NotExecutable { program } => format!(
                "If it is a script, name its interpreter, as in `doorbell serve -- python {program}`; or make it executable \
                 with chmod +x."
            ),
        }
    }
}

/// Searches a program as the system does.
fn find(program: &OsStr, path: &OsStr) -> Result<(), CommandError> {
    let written = || program.to_string_lossy().into_owned();
    let candidates: Vec<PathBuf> = if program.as_encoded_bytes().contains(&b'/') {
        vec![PathBuf::from(program)]
    } else {
        let folders = path.as_encoded_bytes().split(|byte| *byte == b':');
        folders.map(|folder| Path::new(&*String::from_utf8_lossy(folder)).join(program)).collect()
    };
    let exists = |candidate: &&PathBuf| !program.is_empty() && candidate.exists();
    let can_run = |candidate: &PathBuf| candidate.is_file() && access(candidate, Access::EXEC_OK).is_ok();
    let mut found = candidates.iter().filter(exists).peekable();
    if found.peek().is_none() {
        return Err(CommandError::NotFound { program: written() });
    }
    if found.any(can_run) { Ok(()) } else { Err(CommandError::NotExecutable { program: written() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &str, path: Option<&str>) -> Result<(), CommandError> {
        let inherited = path.map(|path| ("PATH".into(), path.into())).into_iter().collect();
        Command::new(vec![program.into()], inherited, PathBuf::new()).map(drop)
    }

    #[test]
    fn a_program_is_found_by_its_name_or_its_path() {
        assert_eq!(check("sh", None), Ok(()));
        assert_eq!(check("sh", Some("/nowhere::/bin")), Ok(()));
        assert_eq!(check("/bin/sh", Some("/nowhere")), Ok(()));
    }

    #[test]
    fn a_command_that_cannot_run_is_named_with_a_hint_that_fits() {
        for (program, path, hint) in [
            ("pyton", None, "Check the spelling"),
            ("sh", Some("/nowhere"), "PATH"),
            ("./no/such/bot", None, "relative"),
            ("python bot.py", None, "quotation marks"),
            ("", None, "Check the spelling"),
            (concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"), None, "interpreter"),
            ("/bin", None, "interpreter"),
        ] {
            let error = check(program, path).expect_err(program);
            assert!(error.to_string().contains(&format!("\"{program}\"")), "{error}");
            assert!(error.hint().contains(hint), "{program}: {}", error.hint());
        }
    }
}
