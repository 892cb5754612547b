//! Opens the file, or says in words what has to change before it can be opened.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::super::InboxError;
use super::journal::Journal;
use super::{owner, tenure};
use crate::telegram::BotId;

/// Marks a file as ours (`PRAGMA application_id`): "Bell".
const APPLICATION_ID: i64 = 0x4265_6c6c;
/// Each step brings the file from one version to the next (`PRAGMA user_version` counts them).
const MIGRATIONS: [&str; 3] = [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];
/// What SQLite may keep of the file in memory, in KiB (so the minus says): the pages of a backlog of
/// some thousand updates.
const CACHE: i64 = -8_192;
/// SQLite copies the journal (WAL) into the file when it has grown to this many pages of 4 KiB.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Opens the file at `path` for this process and this bot alone, and brings it to the present version.
pub(super) fn journal(path: &Path, bot: BotId, now: Timestamp) -> Result<Journal, InboxError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|error| no_folder(folder, error))?;
    }
    let lock = lock(path)?;
    let mut connection = Connection::open(path).map_err(|error| unusable(path, error))?;
    migrate(&connection, path)?;
    let before = tenure::take(&mut connection, bot, now).map_err(|error| unusable(path, error))?;
    let before = before.map_err(|other| other.unusable(path))?;
    Journal::new(connection, Some((lock, before))).map_err(|error| unusable(path, error))
}

/// Opens the file that is there, beside the process that owns it.
pub(super) fn visitor(path: &Path) -> Result<Journal, InboxError> {
    if !path.exists() {
        return Err(InboxError::Unusable {
            message: format!("there is no inbox {}", path.display()),
            hint: "Give this command the same settings as the service (DATABASE_URL), and run it in the same folder."
                .to_owned(),
            source: None,
        });
    }
    let connection = Connection::open(path).map_err(|error| unusable(path, error))?;
    let version = prepare(&connection, path)?;
    // The service may be of an older version, and running.
    if version < MIGRATIONS.len() {
        return Err(InboxError::Unusable {
            message: format!(
                "the inbox {} is of an older Doorbell (version {version} of the file; this one knows {})",
                path.display(),
                MIGRATIONS.len()
            ),
            hint: "Start the service of this version first: it brings the file up to date, and commands leave it as it is."
                .to_owned(),
            source: None,
        });
    }
    Journal::new(connection, None).map_err(|error| unusable(path, error))
}

/// Whether the inbox lies on the disk that holds the system, which a platform lays anew at every
/// deploy; a disk of its own is mounted, and so another device.
pub(in crate::inbox) fn is_on_system_disk(path: &Path) -> bool {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    match (fs::metadata(folder), fs::metadata("/")) {
        (Ok(folder), Ok(system)) => folder.dev() == system.dev(),
        _ => false,
    }
}

/// The file whose lock says who owns the database.
pub(super) fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Locks the file next to the database, so that a second process is told at once.
fn lock(path: &Path) -> Result<File, InboxError> {
    let name = lock_file(path);
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| no_folder(path.parent().unwrap_or(path), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InboxError::Unusable {
            message: format!("another process is using the inbox {}", path.display()),
            hint: "One process owns a SQLite inbox. Stop the other one, give this one a file of its own \
                   (DATABASE_URL=sqlite:other.db), or use PostgreSQL for several instances."
                .to_owned(),
            source: None,
        }),
        Err(TryLockError::Error(error)) => Err(InboxError::Unusable {
            message: format!("the inbox {} cannot be locked", path.display()),
            hint: "The file system must support file locks: put the inbox on a local disk.".to_owned(),
            source: Some(Arc::new(error)),
        }),
    }
}

/// Sets the connection up; the version of the file.
fn prepare(connection: &Connection, path: &Path) -> Result<usize, InboxError> {
    let found = |error| unusable(path, error);
    connection.busy_timeout(Duration::from_secs(5)).map_err(found)?;
    let version = check(connection, path)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).map_err(found)?;
    if mode != "wal" {
        return Err(InboxError::Unusable {
            message: format!("the inbox {} cannot keep a write-ahead log", path.display()),
            hint: "Put the inbox on a local disk; network file systems cannot hold it.".to_owned(),
            source: None,
        });
    }
    // FULL: a commit returns once the log is on the disk, which is what a 200 means here.
    for (name, value) in
        [("synchronous", 2), ("wal_autocheckpoint", CHECKPOINT_PAGES), ("temp_store", 2), ("cache_size", CACHE)]
    {
        connection.pragma_update(None, name, value).map_err(found)?;
    }
    Ok(usize::try_from(version).unwrap_or(0))
}

/// Sets the connection up, and brings the file to the version that this program knows.
fn migrate(connection: &Connection, path: &Path) -> Result<(), InboxError> {
    let found = |error| unusable(path, error);
    let version = prepare(connection, path)?;
    for (step, version) in MIGRATIONS.iter().zip(1..).skip(version) {
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {step}; PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}; COMMIT;"
            ))
            .map_err(found)?;
    }
    Ok(())
}

/// Sees to it that the file is ours and not newer than this program; its version, 0 for a new one.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<i64, InboxError> {
    let found = |error| unusable(path, error);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id").map_err(found)?, pragma("user_version").map_err(found)?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(found)?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(InboxError::Unusable {
            message: format!("{} is a database of some other program", path.display()),
            hint: "Name another file for the inbox (DATABASE_URL=sqlite:PATH); Doorbell makes it.".to_owned(),
            source: None,
        });
    }
    if usize::try_from(version).map_or(true, |version| version > MIGRATIONS.len()) {
        return Err(InboxError::Unusable {
            message: format!(
                "the inbox {} was written by a newer Doorbell (version {version} of the file; this one knows {})",
                path.display(),
                MIGRATIONS.len()
            ),
            hint: "Run that newer version, or name another file for the inbox.".to_owned(),
            source: None,
        });
    }
    Ok(version)
}

/// Says what an error of SQLite means for the file.
pub(super) fn unusable(path: &Path, error: rusqlite::Error) -> InboxError {
    let code = error.sqlite_error_code();
    let (what, hint) = match code {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            "is damaged or is not a SQLite database",
            "Move the file away (keep it: `sqlite3 FILE .recover` may save what is in it) and start again, or name \
             another file with DATABASE_URL=sqlite:PATH.",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            return InboxError::Unusable {
                message: format!("the inbox {} cannot be opened for writing", path.display()),
                hint: owner::advice(path),
                source: Some(Arc::new(error)),
            };
        }
        Some(ErrorCode::DiskFull) => ("has no room: the disk is full", "Free some space and start again."),
        _ => ("cannot be used", "See the cause; another file can be named with DATABASE_URL=sqlite:PATH."),
    };
    InboxError::Unusable {
        message: format!("the inbox {} {what}", path.display()),
        hint: hint.to_owned(),
        source: Some(Arc::new(error)),
    }
}

pub(super) fn no_folder(folder: &Path, error: io::Error) -> InboxError {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    InboxError::Unusable {
        message: format!("the folder {} cannot be written", folder.display()),
        hint: owner::advice(&folder.join("inbox")),
        source: Some(Arc::new(error)),
    }
}
