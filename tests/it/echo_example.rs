//! `examples/echo.rs`, built and run as a reader would: with the variables of a sandbox it registers its webhook and
//! echoes a text.

use std::path::{Path, PathBuf};
use std::process::Command;

use doorbell::clock::SystemClock;

use crate::harness::waiting::soon;
use crate::harness::{Program, free_port, start_sandbox};

/// Builds the example and returns its path. In a run of all tests Cargo has built it already.
fn build() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_doorbell")).parent().expect("a program is in a folder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--locked", "--example", "echo"]);
    cargo.args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]);
    cargo.arg("--target-dir").arg(folder.parent().expect("the folder of a profile is in the target folder"));
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    // Cargo describes this package in the environment of its tests. Build scripts that watch these variables would
    // run again, here and in the next test run, and most dependencies would be compiled each time.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let built = cargo.output().expect("Cargo runs the tests");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    folder.join("examples/echo")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_echo_example_registers_itself_and_echoes_a_text() {
    let example = build();
    let (sandbox, port) = (start_sandbox(&SystemClock).await, free_port());
    sandbox.set_public_url(&format!("http://127.0.0.1:{port}"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut bot = Command::new(example);
    bot.env_clear().envs(sandbox.variables()).current_dir(folder.path());
    bot.env("HOST", "127.0.0.1").env("PORT", port.to_string()).env("DATABASE_URL", "memory:");
    let _bot = Program::spawn(bot, port, &folder.path().join("log"));
    soon("the example is registered", sandbox.until(|sandbox| sandbox.webhook().is_some())).await;
    sandbox.send_text(7, "Ann", "good day");
    let is_echo = |message: &doorbell::sandbox::Message| message.bot && message.text == "good day";
    soon("the text is echoed", sandbox.until(|sandbox| sandbox.messages(Some(7)).iter().any(is_echo))).await;
}
