//! `doorbell completions`: the script with which a shell completes the commands and options.

use std::io::{ErrorKind, Write};

use anyhow::Context;
use clap::{Args, Command};
use clap_complete::Shell;

#[derive(Args, Clone, Copy, Debug)]
#[command(
    after_help = "Examples:\n  doorbell completions bash > ~/.local/share/bash-completion/completions/doorbell\n  doorbell completions zsh > ~/.zfunc/_doorbell      with fpath+=~/.zfunc before compinit in ~/.zshrc\n  doorbell completions fish > ~/.config/fish/completions/doorbell.fish"
)]
pub(super) struct Arguments {
    /// The shell to complete in
    shell: Shell,
}

/// Prints the script for a shell. A closed pipe is not an error.
pub(super) fn run(arguments: Arguments, cli: &mut Command, out: &mut impl Write) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, cli, "doorbell", &mut script);
    match out.write_all(&script) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.context("cannot print the script"),
    }
}
