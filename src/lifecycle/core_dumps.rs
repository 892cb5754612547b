use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of a core dump in bytes. It is less than a page, so that no file is written. It is not 0, because only with
/// 1 does Linux also withhold the dump from a program that `core_pattern` names.
const CORE_LIMIT: u64 = 1;

/// From now on a crash of this process writes no core dump: the memory holds the bot token.
///
/// # Errors
///
/// When the system refuses. In practice it does not: a process may always lower its limits.
pub fn disable_core_dumps() -> io::Result<()> {
    let limit = getrlimit(Resource::Core).maximum.map_or(CORE_LIMIT, |maximum| maximum.min(CORE_LIMIT));
    Ok(setrlimit(Resource::Core, Rlimit { current: Some(limit), maximum: Some(limit) })?)
}
