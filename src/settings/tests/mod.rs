mod layers;
mod order;
mod platforms;
mod problems;
mod schema;
mod secrets;

use super::{Need, Problem, Settings, Sources};

/// A token with a valid form that belongs to no bot.
const TOKEN: &str = "123456789:AAE-abcdefghijklmnopqrstuvwxyz012345";

fn sources(variables: &[(&str, &str)]) -> Sources {
    Sources { environment: variables.iter().copied().collect(), ..Sources::default() }
}

fn load(variables: &[(&str, &str)]) -> Settings {
    Settings::load(&sources(variables), Need::Nothing).unwrap()
}

fn problems(sources: &Sources) -> Vec<Problem> {
    Settings::load(sources, Need::Nothing).unwrap_err().problems
}

/// The only problem.
fn problem(variables: &[(&str, &str)]) -> Problem {
    let mut problems = problems(&sources(variables));
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// The only problem of a file.
fn problem_of_file(text: &str) -> Problem {
    let (_directory, sources) = file(text);
    let mut problems = problems(&sources);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// A settings file that exists as long as the directory.
fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("doorbell.toml");
    std::fs::write(&path, text).unwrap();
    (directory, Sources { config_file: Some(path), ..Sources::default() })
}
