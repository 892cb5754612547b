//! A start that cannot succeed exits with 1, says what to do, and sends nothing to Telegram.

use std::fs::Permissions;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use rusqlite::Connection;

use crate::harness::{
    CommandOutput, FakeBotApi, KeepAliveClient, Program, echo_settings, echo_variables, message, print_line, run,
    serve_echo,
};

/// Tries to start a service that would register itself.
fn start(telegram: &FakeBotApi, inbox: &Path, folder: &Path) -> CommandOutput {
    let (api, inbox, settings) = (telegram.url(), format!("sqlite:{}", inbox.display()), echo_settings(folder));
    let mut variables = echo_variables(&api, &inbox, &settings);
    variables.extend([("PORT", "0"), ("PUBLIC_URL", "http://127.0.0.1:1"), ("HOST", "127.0.0.1")]);
    run(&["serve"], &variables, folder)
}

fn refused(ended: &CommandOutput, words: &str) {
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(words) && ended.stderr.contains("\nhint:  "), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_second_process_on_the_same_file_is_refused_and_the_first_goes_on() {
    let (telegram, other) = (FakeBotApi::start().await, FakeBotApi::start().await);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let inbox = folder.path().join("inbox.db");
    let first = serve_echo(&telegram, &format!("sqlite:{}", inbox.display()), folder.path(), &[]);
    refused(&start(&other, &inbox, folder.path()), "another process is using the inbox");
    assert_eq!(other.methods(), [""; 0], "nothing was sent");
    let answer =
        KeepAliveClient::connect(first.addr).await.expect("it listens").deliver(&message(1, 7, "/echo 1")).await;
    assert_eq!(answer.expect("an answer").status, 200);
    telegram.until("the first replies", |telegram| telegram.sent(7).len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_file_of_a_newer_version_is_unchanged() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let inbox = made_by_the_service(&telegram, folder.path());
    let file = Connection::open(&inbox).expect("a database");
    file.execute_batch("PRAGMA user_version = 99").expect("it can be set");
    drop(file);
    let before = telegram.methods();
    refused(&start(&telegram, &inbox, folder.path()), "was written by a newer Doorbell");
    assert_eq!(telegram.methods(), before, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_damaged_file_is_refused_before_anything_is_sent() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let inbox = made_by_the_service(&telegram, folder.path());
    let file = std::fs::File::options().write(true).open(&inbox).expect("it can be written");
    let length = file.metadata().expect("it is there").len();
    // Every page except the first, which holds the header and the schema.
    file.write_all_at(&vec![0xa5; usize::try_from(length - 4096).expect("small")], 4096).expect("it can be written");
    let before = telegram.methods();
    refused(&start(&telegram, &inbox, folder.path()), "is damaged or is not a SQLite database");
    assert_eq!(telegram.methods(), before, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_read_only_file_is_refused_before_anything_is_sent() {
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    let inbox = made_by_the_service(&telegram, folder.path());
    std::fs::set_permissions(&inbox, Permissions::from_mode(0o444)).expect("it is ours");
    let before = telegram.methods();
    let (api, url, settings) = (telegram.url(), format!("sqlite:{}", inbox.display()), echo_settings(folder.path()));
    let mut variables = echo_variables(&api, &url, &settings);
    variables.extend([("PORT", "0"), ("PUBLIC_URL", "http://127.0.0.1:1"), ("HOST", "127.0.0.1")]);
    // Root may write every file, so the program drops that right here.
    let root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let program = env!("CARGO_BIN_EXE_doorbell");
    let (first, rest): (_, &[&str]) =
        if root { ("setpriv", &["--bounding-set=-all", "--inh-caps=-all", "--", program]) } else { (program, &[]) };
    let mut command = Command::new(first);
    command.args(rest).arg("serve").env_clear().envs(variables).env("PATH", "/usr/bin:/bin");
    let ended = command.current_dir(folder.path()).output().expect("it starts");
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    let ended = CommandOutput { code: ended.status.code().unwrap_or(-1), stdout: String::new(), stderr };
    refused(&ended, "cannot be opened for writing");
    assert_eq!(telegram.methods(), before, "nothing was sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_volume_of_root_is_named_with_the_command_that_changes_its_owner() {
    if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() != 0) {
        print_line("skipped: only root can create a folder that belongs to root");
        return;
    }
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().expect("a temporary folder"));
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let volume = folder.path().join("data");
    std::fs::create_dir(&volume).expect("it can be made");
    // The copy can be read by every user, even if this repository is in a folder of root.
    let program = folder.path().join("doorbell");
    std::fs::copy(env!("CARGO_BIN_EXE_doorbell"), &program).expect("it can be copied");
    let (api, settings) = (telegram.url(), echo_settings(folder.path()));
    for inbox in ["inbox.db", "deeper/inbox.db"] {
        let url = format!("sqlite:{}", volume.join(inbox).display());
        let mut variables = echo_variables(&api, &url, &settings);
        variables.extend([("PORT", "0"), ("PUBLIC_URL", "http://127.0.0.1:1"), ("HOST", "127.0.0.1")]);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=1000", "--regid=1000", "--clear-groups"]).arg(&program).arg("serve");
        command.env_clear().envs(variables).env("PATH", "/usr/bin:/bin");
        let ended = command.current_dir(folder.path()).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(1), "{stderr}");
        let whose = format!("runs as user 1000:1000 here, and {} belongs to 0:0", volume.display());
        let remedy = format!("`chown -R 1000:1000 {}`", volume.display());
        assert!(stderr.contains(&whose) && stderr.contains(&remedy), "{stderr}");
    }
    assert_eq!(telegram.methods(), [""; 0], "nothing was sent");
}

/// The inbox file of a service that has ended.
fn made_by_the_service(telegram: &FakeBotApi, folder: &Path) -> std::path::PathBuf {
    let inbox = folder.join("inbox.db");
    let mut program: Program = serve_echo(telegram, &format!("sqlite:{}", inbox.display()), folder, &[]);
    program.signal("TERM");
    assert!(program.ended(std::time::Duration::from_secs(20)).success());
    inbox
}
