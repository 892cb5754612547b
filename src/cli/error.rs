//! The errors of commands: how they are printed, and their exit status.

use std::fmt::Write as _;
use std::io;
use std::process::ExitCode;

use crate::app::{BuildError, RunError};
use crate::http::probe::ServiceUnreachable;
use crate::inbox::InboxError;
use crate::process::CommandError;
use crate::settings::SettingsError;
use crate::telemetry;

/// The exit status for wrong usage or wrong settings. 0 is success, 1 a failure.
const USAGE_ERROR: u8 = 2;

/// Prints what went wrong, why and what to do. Returns the exit status.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    let mut text = format!("error: {}\n", telemetry::chain(error.as_ref()));
    if let Some(hint) = hint(error) {
        let _ = writeln!(text, "hint:  {hint}");
    }
    telemetry::write_to_stderr(text);
    let wrong = error.is::<SettingsError>()
        || error.is::<UsageError>()
        || error.is::<CommandError>()
        || matches!(error.downcast_ref(), Some(BuildError::Settings(_) | BuildError::NoToken));
    if wrong { ExitCode::from(USAGE_ERROR) } else { ExitCode::FAILURE }
}

/// The arguments or the settings do not allow the command.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct UsageError {
    pub(super) message: String,
    pub(super) hint: Option<&'static str>,
}

/// The command failed for a reason outside the settings.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(super) struct CommandFailure {
    pub(super) message: String,
    pub(super) hint: &'static str,
    pub(super) source: io::Error,
}

/// What the operator can do, if it is known.
fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(failure) = error.downcast_ref::<CommandFailure>() {
        return Some(failure.hint.to_owned());
    }
    if error.is::<ServiceUnreachable>() {
        let hint = "Check that the service is running at that address. `doorbell sandbox` starts one on this machine; \
                    --url names another one.";
        return Some(hint.to_owned());
    }
    if let Some(wrong) = error.downcast_ref::<UsageError>() {
        return wrong.hint.map(ToOwned::to_owned);
    }
    if let Some(wrong) = error.downcast_ref::<CommandError>() {
        return Some(wrong.hint());
    }
    match error.downcast_ref() {
        Some(RunError::CannotStart(failed)) => return Some(failed.hint().to_owned()),
        Some(RunError::RefusedToken(refused)) => return Some(refused.hint().to_owned()),
        Some(RunError::TaskFailed(_)) => {
            let hint = "This is a bug in the program; the log says where it happened. No acknowledged update is lost: start \
                        the service again.";
            return Some(hint.to_owned());
        }
        None => {}
    }
    if let Some(InboxError::Unusable { hint, .. }) = error.downcast_ref() {
        return Some(hint.clone());
    }
    match error.downcast_ref::<BuildError>()? {
        BuildError::Inbox(InboxError::Unusable { hint, .. }) => Some(hint.clone()),
        BuildError::Listen { .. } => Some(
            "Another program may be using the port: stop it, or choose another port with PORT. Ports below 1024 need \
             special rights."
                .to_owned(),
        ),
        BuildError::NoToken => Some("Set TELEGRAM_BOT_TOKEN to the token that @BotFather gave you.".to_owned()),
        BuildError::Gateway { .. } => Some(
            "Another program may be using the address: stop it, or choose another one with DOORBELL__GATEWAY__LISTEN, such as \
             127.0.0.1:0 for any free port."
                .to_owned(),
        ),
        BuildError::Settings(_) | BuildError::Inbox(_) | BuildError::NoPort(_) => None,
    }
}
