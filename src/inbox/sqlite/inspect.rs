//! Reads the file without changing it, while any process may be using it.

use std::fs::{File, TryLockError};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::super::error::InboxError;
use super::super::millis::from_unix_millis;
use super::super::survey::{Inspection, Survey};
use super::open::{check, lock_file, unusable, unwritable_folder};
use super::ownership::OtherBot;
use super::permissions::folder_of;
use crate::telegram::BotId;

/// What the service that owns the file has there, or what a service would find that starts on it.
pub(in crate::inbox) fn inspect(path: &Path, bot: BotId) -> Result<Inspection, InboxError> {
    if !path.exists() {
        return missing(path);
    }
    let in_use = is_locked(path);
    // Opened to check the permission to write. Nothing is written.
    File::options().write(true).open(path).map_err(|error| unwritable_folder(folder_of(path), error))?;
    let survey = survey(path, bot).map_err(|error| unusable(path, error))??;
    Ok(if in_use { Inspection::InUse(survey) } else { Inspection::Free(survey) })
}

/// The first start creates the file. The nearest folder that exists shows whether it can.
fn missing(path: &Path) -> Result<Inspection, InboxError> {
    let folder = path.ancestors().skip(1).find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let refuse = |kind: std::io::ErrorKind| Err(unwritable_folder(folder, kind.into()));
    match folder.metadata() {
        Ok(found) if !found.is_dir() => refuse(std::io::ErrorKind::NotADirectory),
        Ok(found) if found.permissions().readonly() => refuse(std::io::ErrorKind::PermissionDenied),
        Ok(_) => Ok(Inspection::Missing),
        Err(error) => Err(unwritable_folder(folder, error)),
    }
}

/// Whether a process owns the file. The shared lock is released at once, so a service that starts now can still get
/// its own.
fn is_locked(path: &Path) -> bool {
    let lock = File::open(lock_file(path)).map(|file| file.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// The target of the bot in the file. `None` if there is none, or the file cannot be read.
pub(in crate::inbox) fn stored_target(path: &Path, bot: BotId) -> Option<String> {
    let connection = read_only(path).ok().filter(|_| path.exists())?;
    check(&connection, path).ok()?;
    let read = "SELECT target FROM service WHERE bot = ?1";
    connection.query_row(read, [bot.0], |row| row.get(0)).ok()?
}

/// Opens the file to read it while any process may be using it.
fn read_only(path: &Path) -> rusqlite::Result<Connection> {
    let name = path.display().to_string().replace('%', "%25").replace('#', "%23").replace('?', "%3F");
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    // Without a write-ahead log the file is complete, and can be read without creating one.
    let immutable = if Path::new(&log).exists() { "" } else { "&immutable=1" };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(format!("file:{name}?mode=ro{immutable}"), flags)
}

fn survey(path: &Path, bot: BotId) -> rusqlite::Result<Result<Survey, InboxError>> {
    let connection = read_only(path)?;
    match check(&connection, path) {
        Ok(0) => return Ok(Ok(Survey::default())),
        Ok(_) => {}
        Err(error) => return Ok(Err(error)),
    }
    if let Some(other) = OtherBot::find(&connection, bot)? {
        return Ok(Err(other.unusable(path)));
    }
    let (mut waiting, mut dead, mut oldest) = (0, 0, None);
    let mut counted = connection.prepare("SELECT state, count(*), min(received_at) FROM updates GROUP BY state")?;
    let mut rows = counted.query([])?;
    while let Some(row) = rows.next()? {
        let (state, count): (i64, i64) = (row.get(0)?, row.get(1)?);
        let count = count.unsigned_abs();
        if state == 0 {
            (waiting, oldest) = (count, Some(from_unix_millis(row.get(2)?)));
        } else {
            dead = count;
        }
    }
    Ok(Ok(Survey { waiting, held: 0, dead, full: false, oldest }))
}
