use std::fmt;
use std::path::PathBuf;

use super::describe;

/// Where a value came from, in the words an operator can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The defaults that are compiled in.
    Default,
    /// A profile that is compiled in.
    Profile(&'static str),
    /// The file given with `--config`.
    File {
        /// Its path.
        path: PathBuf,
        /// The line of the key, where it is known.
        line: Option<usize>,
    },
    /// A variable of the environment.
    Variable(String),
    /// Variables that the platform sets by itself.
    Platform {
        /// The platform.
        name: &'static str,
        /// Its variables, of which the value is made.
        variables: Vec<&'static str>,
    },
    /// The contents of a file that a variable names.
    SecretFile {
        /// The variable.
        variable: String,
        /// The file.
        path: PathBuf,
    },
    /// The command line, or the command itself.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::File { path, line: None } => write!(f, "file {}", path.display()),
            Self::File { path, line: Some(line) } => write!(f, "file {}, line {line}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Platform { name, variables } => {
                let plural = if variables.len() == 1 { "" } else { "s" };
                write!(f, "environment variable{plural} {}, set by {name}", variables.join(" and "))
            }
            Self::SecretFile { variable, path } => {
                write!(f, "file {}, named by {variable}", describe::text(&path.display().to_string()))
            }
            Self::CommandLine => f.write_str("command line"),
        }
    }
}
