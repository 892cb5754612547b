use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use super::bot::{SOON, serve};
use crate::harness::{FakeBotApi, assert_no_secret, run, until};

/// Runs `serve` with a command until it ends. Returns its exit status and what it wrote.
fn ends(api: &str, words: &[&str], folder: &Path) -> (Option<i32>, String) {
    let (mut command, _) = serve(api, words, folder, &[]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("the program starts");
    until("it ends", SOON, || child.try_wait().expect("a child"));
    let ended = child.wait_with_output().expect("it has ended");
    assert_no_secret("standard error", &ended.stderr);
    (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_does_not_exist_is_refused_before_anything_starts() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    std::fs::write(folder.path().join("bot.py"), "print()").expect("it can be written");
    for (words, named, hint) in [
        (&["pyton", "bot.py"][..], "there is no program \"pyton\"", "PATH"),
        (&["./no-bot"], "there is no program \"./no-bot\"", "folder in which Doorbell was started"),
        (&["python3 bot.py"], "there is no program \"python3 bot.py\"", "without quotation marks"),
        (&["./bot.py"], "\"./bot.py\" cannot be executed", "-- python ./bot.py"),
    ] {
        let (code, text) = ends(&telegram.url(), words, folder.path());
        assert_eq!(code, Some(2), "{words:?}: {text}");
        assert!(text.starts_with("error: ") && text.contains(named), "{words:?}: {text}");
        assert!(text.contains("\nhint:  ") && text.contains(hint), "{words:?}: {text}");
        assert!(!text.contains("listening"), "{text}");
    }
    assert!(telegram.methods().is_empty(), "Telegram was not called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_cannot_run_at_the_first_start_ends_the_service_with_its_last_line() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let script = folder.path().join("bot");
    std::fs::write(&script, "#!/no/such/interpreter\n").expect("it can be written");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("it can be changed");
    for (words, last_line) in [
        (&["/bin/sh", "-c", "exec pyton bot.py"][..], "pyton"),
        (&["./bot"], "No such file"),
        (&["/bin/sh", "-c", "exit 126"], "exit status 126"),
    ] {
        let (code, text) = ends(&telegram.url(), words, folder.path());
        assert_eq!(code, Some(1), "{words:?}: {text}");
        let last: Vec<_> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(last.len() == 1 && last[0].contains("your bot cannot be run") && last[0].contains(last_line), "{text}");
        assert!(text.contains("hint:  Exit status 127 means"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_is_missing_at_a_later_start_is_waited_for() {
    let script = "[ -f once ] && { [ -f twice ] && exec sleep 1000; touch twice; exit 127; }; touch once; exit 1";
    let bot = super::bot::BotUnderTest::start(script, &[]).await;
    let log = bot.logged("restarts=2", 1);
    assert!(log.contains("a program that the command starts was not found"), "{log}");
    assert!(TcpStream::connect(bot.program.addr).is_ok());
}

#[test]
fn the_port_of_the_service_is_refused_for_the_bot() {
    let ended = run(&["settings"], &[("PORT", "8080"), ("DOORBELL__PROCESS__PORT", "8080")], Path::new("/"));
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("process.port") && ended.stderr.contains("same port"), "{}", ended.stderr);
}

#[test]
fn a_sandbox_without_a_service_takes_no_command() {
    let ended = run(&["sandbox", "--only-telegram", "--", "sh"], &[], Path::new("/"));
    assert_eq!(ended.code, 2);
    assert!(ended.stderr.contains("--only-telegram"), "{}", ended.stderr);
}
