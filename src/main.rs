//! The program `doorbell`.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorbell::cli::run()
}
