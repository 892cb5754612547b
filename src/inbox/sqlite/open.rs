//! Opens the file, or explains what must change before it can be opened.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};

use super::super::error::InboxError;
use super::ownership::Ownership;
use super::permissions::{self, folder_of};
use super::store::Store;
use crate::telegram::BotId;

/// Identifies a Doorbell file (`PRAGMA application_id`): "Bell".
const APPLICATION_ID: i64 = 0x4265_6c6c;
/// Each migration brings the file to the next version, which is in `PRAGMA user_version`.
const MIGRATIONS: [&str; 6] = [
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
];
/// SQLite's page cache, in KiB (a negative number means KiB): enough for a backlog of some thousand updates.
const CACHE: i64 = -8_192;
/// SQLite copies the write-ahead log into the file when it has grown to this many pages of 4 KiB.
const CHECKPOINT_PAGES: i64 = 4_000;

/// Opens the file at `path` for this process and this bot alone, and migrates it to the current version.
pub(super) fn for_service(path: &Path, bot: BotId, now: Timestamp) -> Result<Store, InboxError> {
    let folder = folder_of(path);
    fs::create_dir_all(folder).map_err(|error| unwritable_folder(folder, error))?;
    let lock = lock(path)?;
    let mut connection = Connection::open(path).map_err(|error| unusable(path, error))?;
    migrate(&connection, path)?;
    let ownership = Ownership::acquire(&mut connection, lock, bot, now).map_err(|error| unusable(path, error))?;
    let ownership = ownership.map_err(|other| other.unusable(path))?;
    Store::new(connection, Some(ownership)).map_err(|error| unusable(path, error))
}

/// Opens an existing file while another process owns it.
pub(super) fn for_operator(path: &Path) -> Result<Store, InboxError> {
    if !path.exists() {
        return Err(InboxError::unusable(
            format!("there is no inbox {}", path.display()),
            "Give this command the same settings as the service (DATABASE_URL), and run it in the same \
             folder.",
        ));
    }
    let connection = Connection::open(path).map_err(|error| unusable(path, error))?;
    let version = prepare(&connection, path)?;
    // A running service may be of an older version, so this does not migrate.
    if version < MIGRATIONS.len() {
        return Err(InboxError::unusable(
            format!(
                "the inbox {} is of an older Doorbell (version {version} of the file; this one knows {})",
                path.display(),
                MIGRATIONS.len()
            ),
            "Start the service of this version first: it migrates the file, which commands do not.",
        ));
    }
    Store::new(connection, None).map_err(|error| unusable(path, error))
}

/// Whether the inbox is on the system disk, which a platform creates again at every deploy. A persistent disk is
/// mounted and has another device number.
pub(in crate::inbox) fn is_on_system_disk(path: &Path) -> bool {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    match (fs::metadata(folder), fs::metadata("/")) {
        (Ok(folder), Ok(system)) => folder.dev() == system.dev(),
        _ => false,
    }
}

/// The file whose lock shows that a process owns the database.
pub(super) fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Locks the file next to the database, so that a second process is refused at once.
fn lock(path: &Path) -> Result<File, InboxError> {
    let name = lock_file(path);
    let file = File::options().create(true).truncate(false).write(true).open(&name);
    let file = file.map_err(|error| unwritable_folder(folder_of(path), error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(InboxError::unusable(
            format!("another process is using the inbox {}", path.display()),
            "One process owns a SQLite inbox. Stop the other one, give this one a file of its own \
             (DATABASE_URL=sqlite:other.db), or use PostgreSQL for several instances.",
        )),
        Err(TryLockError::Error(error)) => Err(InboxError::Unusable {
            message: format!("the inbox {} cannot be locked", path.display()),
            hint: "The file system must support file locks: put the inbox on a local disk.".to_owned(),
            source: Some(Arc::new(error)),
        }),
    }
}

/// Configures the connection. Returns the version of the file.
fn prepare(connection: &Connection, path: &Path) -> Result<usize, InboxError> {
    let found = |error| unusable(path, error);
    connection.busy_timeout(Duration::from_secs(5)).map_err(found)?;
    let version = check(connection, path)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0)).map_err(found)?;
    if mode != "wal" {
        return Err(InboxError::unusable(
            format!("the inbox {} cannot keep a write-ahead log", path.display()),
            "Put the inbox on a local disk; network file systems cannot hold it.",
        ));
    }
    // synchronous = 2 is FULL: a commit returns once the log is on the disk, as a 200 requires.
    for (name, value) in
        [("synchronous", 2), ("wal_autocheckpoint", CHECKPOINT_PAGES), ("temp_store", 2), ("cache_size", CACHE)]
    {
        connection.pragma_update(None, name, value).map_err(found)?;
    }
    Ok(usize::try_from(version).unwrap_or(0))
}

/// Configures the connection and migrates the file to the current version.
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

/// Checks that the file is a Doorbell inbox and not newer than this program. Returns its version, 0 for a new file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<i64, InboxError> {
    let found = |error| unusable(path, error);
    let pragma = |name: &str| connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0));
    let (application, version) = (pragma("application_id").map_err(found)?, pragma("user_version").map_err(found)?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(found)?;
    if application != APPLICATION_ID && (application != 0 || tables > 0) {
        return Err(InboxError::unusable(
            format!("{} is a database of some other program", path.display()),
            "Name another file for the inbox (DATABASE_URL=sqlite:PATH); Doorbell creates it.",
        ));
    }
    if usize::try_from(version).map_or(true, |version| version > MIGRATIONS.len()) {
        return Err(InboxError::unusable(
            format!(
                "the inbox {} was written by a newer Doorbell (version {version} of the file; this one knows {})",
                path.display(),
                MIGRATIONS.len()
            ),
            "Run that newer version, or name another file for the inbox.",
        ));
    }
    Ok(version)
}

/// Explains an error of SQLite.
pub(super) fn unusable(path: &Path, error: rusqlite::Error) -> InboxError {
    let (what, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            "is damaged or is not a SQLite database",
            "Move the file away (keep it: `sqlite3 FILE .recover` may save what is in it) and start again, or name \
             another file with DATABASE_URL=sqlite:PATH."
                .to_owned(),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ("cannot be opened for writing", permissions::advice(path))
        }
        Some(ErrorCode::DiskFull) => ("has no room: the disk is full", "Free some space and start again.".to_owned()),
        _ => ("cannot be used", "See the cause; another file can be named with DATABASE_URL=sqlite:PATH.".to_owned()),
    };
    InboxError::Unusable {
        message: format!("the inbox {} {what}", path.display()),
        hint,
        source: Some(Arc::new(error)),
    }
}

pub(super) fn unwritable_folder(folder: &Path, error: io::Error) -> InboxError {
    InboxError::Unusable {
        message: format!("the folder {} cannot be written", folder.display()),
        hint: permissions::advice(&folder.join("inbox")),
        source: Some(Arc::new(error)),
    }
}
