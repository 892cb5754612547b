//! The program `doorbell`.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    doorbell::cli::run().await
}
