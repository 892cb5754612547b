//! `doorbell completions`: the real shells load the printed script and complete with it.

use std::path::Path;
use std::process::Command;

use crate::harness::{run, skip_without};

/// The completions of bash for these arguments; the last one is incomplete.
fn bash_offers(words: &[&str]) -> Vec<String> {
    let script = run(&["completions", "bash"], &[], Path::new("/"));
    assert_eq!(script.code, 0, "{}", script.stderr);
    // Calls the function as bash does that the script registers with `complete`.
    let ask = r#"
        [[ $(complete -p doorbell) =~ -F\ ([^ ]+) ]] || exit 3
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        "${BASH_REMATCH[1]}" doorbell "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let text = format!("{}\n{ask}", script.stdout);
    let mut bash = Command::new("bash");
    let offered = bash.args(["--norc", "-c", &text, "bash", "doorbell"]).args(words).output().expect("there is a bash");
    assert!(offered.status.success(), "{}", String::from_utf8_lossy(&offered.stderr));
    String::from_utf8(offered.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_the_commands_below_them_and_options() {
    assert_eq!(bash_offers(&["web"]), ["webhook"]);
    assert_eq!(bash_offers(&["webhook", "s"]), ["set", "secret"]);
    assert_eq!(bash_offers(&["ring", "--up"]), ["--update-id"]);
    for command in ["serve", "sandbox", "ring", "doctor", "dead", "settings", "completions"] {
        assert!(bash_offers(&[""]).contains(&command.to_owned()), "{command}");
    }
}

#[test]
fn zsh_and_fish_load_their_scripts() {
    for (shell, check) in [("zsh", "-n"), ("fish", "--no-execute")] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        let script = run(&["completions", shell], &[], Path::new("/"));
        assert_eq!(script.code, 0, "{}", script.stderr);
        assert!(script.stdout.contains("webhook") && script.stdout.contains("takeover"), "{shell}");
        std::fs::write(&file, script.stdout).unwrap();
        match Command::new(shell).arg(check).arg(&file).output() {
            Ok(checked) => assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr)),
            Err(_) => {
                skip_without(shell, "its completions");
            }
        }
    }
}

#[test]
fn an_unknown_shell_is_refused_with_the_known_ones() {
    let ended = run(&["completions", "csh"], &[], Path::new("/"));
    assert_eq!(ended.code, 2);
    assert!(["bash", "zsh", "fish"].iter().all(|shell| ended.stderr.contains(shell)), "{}", ended.stderr);
}
