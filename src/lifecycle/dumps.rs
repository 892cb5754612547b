use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bytes that a core dump may have. Less than a page, so that none is written to a file; and not 0,
/// because only at 1 does Linux keep it also from a program that `core_pattern` names, which is
/// otherwise handed every dump.
const DUMP: u64 = 1;

/// From now on a crash of this process leaves no image of its memory behind: the bot token is in it.
///
/// # Errors
///
/// When the system refuses, as none does: a limit may always be lowered.
pub fn leave_no_core_dump() -> io::Result<()> {
    let most = getrlimit(Resource::Core).maximum.map_or(DUMP, |most| most.min(DUMP));
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(most), maximum: Some(most) })?)
}
