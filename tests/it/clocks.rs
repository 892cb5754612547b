//! The program on a machine whose clock is slow and is then corrected: no acknowledged update expires because of it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{FakeBotApi, KeepAliveClient, Program, message, serve_echo_at, skip_without};

/// The library that gives a process another time of day, if it is installed.
fn faketime() -> Option<String> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten().map(|entry| entry.path());
    let library = |folder: PathBuf| folder.join("faketime/libfaketimeMT.so.1");
    let found = folders.map(library).find(|library| library.exists());
    if found.is_none() {
        skip_without("libfaketime", "a wrong system clock");
    }
    found.map(|library| library.display().to_string())
}

/// Starts the program with the time of day that a file sets. The file can be changed while it runs.
fn serve_at(telegram: &FakeBotApi, life: usize, folder: &Path, library: &str) -> Program {
    let (clock, inbox) = (folder.join("clock").display().to_string(), format!("sqlite:{}/inbox.db", folder.display()));
    let variables = [
        ("LD_PRELOAD", library),
        ("FAKETIME_TIMESTAMP_FILE", &clock),
        ("FAKETIME_NO_CACHE", "1"),
        // As on a real machine: setting the clock does not change the monotonic timer.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    serve_echo_at(&telegram.url_of(life), &inbox, folder, &variables)
}

/// Sets how far the clock is behind.
fn set_clock(folder: &Path, behind: &str) {
    fs::write(folder.join("clock"), behind).expect("it can be written");
}

/// Sends two updates of a chat, with Telegram's present time: one whose reply hangs, and one that waits behind it.
async fn ring(program: &Program) {
    #[expect(clippy::disallowed_methods, reason = "Telegram's clock is right")]
    let now = jiff::Timestamp::now().as_second();
    let mut line = KeepAliveClient::connect(program.addr).await.unwrap();
    for (id, text) in [(1, "/echo 1"), (2, "/echo 2")] {
        let mut update = message(id, 7, text);
        update["message"]["date"] = now.into();
        assert_eq!(line.deliver(&update).await.unwrap().status, 200);
    }
}

fn answered(telegram: &FakeBotApi, life: usize) -> bool {
    telegram.sent(7).iter().any(|sent| sent.text == "2" && sent.life == life)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_waits_while_a_slow_clock_is_corrected_is_answered() {
    let Some(library) = faketime() else { return };
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    set_clock(folder.path(), "-2d");
    telegram.hang(true);
    let program = serve_at(&telegram, 0, folder.path(), &library);
    ring(&program).await;
    telegram.until("the first reply", |telegram| telegram.last(7).as_deref() == Some("1")).await;
    set_clock(folder.path(), "+0");
    telegram.hang(false);
    telegram.until("the second reply", |telegram| answered(telegram, 0)).await;
    drop(program);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_acknowledged_with_a_slow_clock_is_answered_after_a_restart() {
    let Some(library) = faketime() else { return };
    let (telegram, folder) = (FakeBotApi::start().await, tempfile::tempdir().unwrap());
    set_clock(folder.path(), "-2d");
    telegram.hang(true);
    let mut program = serve_at(&telegram, 0, folder.path(), &library);
    ring(&program).await;
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    set_clock(folder.path(), "+0");
    let again = serve_at(&telegram, 1, folder.path(), &library);
    telegram.until("the second reply", |telegram| answered(telegram, 1)).await;
    drop(again);
}
