//! Opens a page in the browser of this machine.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time;

/// How long the program may take that opens the browser. Some of them end only with the browser.
const LIMIT: Duration = Duration::from_secs(3);

#[cfg(target_os = "macos")]
const OPENER: &[&str] = &["open"];
#[cfg(windows)]
const OPENER: &[&str] = &["cmd", "/C", "start"];
#[cfg(not(any(target_os = "macos", windows)))]
const OPENER: &[&str] = &["xdg-open"];

/// Opens this address. The error says in a few words why it could not be opened.
pub(super) async fn open(url: &str) -> Result<(), String> {
    let [program, arguments @ ..] = OPENER else { return Ok(()) };
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut opener = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    match time::timeout(LIMIT, opener.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(format!("{program} found no browser")),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}
