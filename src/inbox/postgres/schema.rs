//! Brings the database to the version this program knows, or says why it may not use it.
//!
//! Migrations expand first: what they leave can be used by programs of version `oldest` on, so that
//! during a deploy two versions work on one database. Only a later migration, when no such program
//! can be running any more, takes away what those needed, and raises `oldest`.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Executor, Row};

/// One step from a version of the database to the next.
struct Migration {
    sql: &'static [&'static str],
    /// The oldest version of this list whose program still works on what the step leaves.
    oldest: i32,
}

/// Each step brings the database from one version to the next. One that was shipped is never changed.
const MIGRATIONS: [Migration; 1] =
    [Migration { sql: &[include_str!("sql/0001_tables.sql"), include_str!("sql/0001_functions.sql")], oldest: 1 }];

/// Instances that start at the same time migrate one after the other. A lock of the transaction, not of
/// the session: it works behind a pooler too. The number says "Bell".
const ONE_AT_A_TIME: &str = "BEGIN; SET LOCAL lock_timeout = 60000; SET LOCAL statement_timeout = 120000; \
     SET LOCAL idle_in_transaction_session_timeout = 120000; SELECT pg_advisory_xact_lock(x'42656c6c'::bigint)";

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("its inbox was made by a newer Doorbell (version {found}), which only programs that know version {oldest} may use; this one knows {known}", known = MIGRATIONS.len())]
    Newer { found: i32, oldest: i32 },
    #[error("it stores text as {0}, not as UTF8")]
    Encoding(String),
    #[error("it can only be read")]
    ReadOnly,
}

/// Whether everything is there as this program needs it.
pub(super) async fn is_current(connection: &mut PgConnection) -> Result<bool, NotReady> {
    Ok(version(connection).await? == known())
}

/// Makes what is missing.
pub(super) async fn migrate(connection: &mut PgConnection) -> Result<(), NotReady> {
    sqlx::raw_sql(ONE_AT_A_TIME).execute(&mut *connection).await?;
    // Somebody else may have done it while we waited.
    let found = version(connection).await?;
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(found).unwrap_or(0)) {
        for sql in migration.sql {
            sqlx::raw_sql(*sql).execute(&mut *connection).await?;
        }
        let oldest = migration.oldest;
        let record = sqlx::query("UPDATE doorbell.schema_version SET version = $1, oldest = $2").persistent(false);
        record.bind(version).bind(oldest).execute(&mut *connection).await?;
        tracing::info!(version, "the inbox in the database was brought to this version");
    }
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// The version of the database as far as this program needs to know: at most its own.
async fn version(connection: &mut PgConnection) -> Result<i32, NotReady> {
    // Simple statements: there is no session whose prepared ones could be relied on.
    let looks = "SELECT current_setting('server_encoding'), to_regclass('doorbell.schema_version') IS NOT NULL, \
                 current_setting('transaction_read_only')";
    let row = connection.fetch_one(sqlx::raw_sql(looks)).await?;
    let (encoding, ours, read_only) = (text(&row, 0)?, text(&row, 1)?, text(&row, 2)?);
    if encoding != "UTF8" {
        return Err(NotReady::Encoding(encoding));
    }
    if read_only == "on" {
        return Err(NotReady::ReadOnly);
    }
    if ours != "t" {
        return Ok(0);
    }
    let row = connection.fetch_one(sqlx::raw_sql("SELECT version, oldest FROM doorbell.schema_version")).await?;
    let number = |column| text(&row, column).map(|text| text.parse().unwrap_or(i32::MAX));
    let (found, oldest) = (number(0)?, number(1)?);
    if found > known() && oldest > known() {
        return Err(NotReady::Newer { found, oldest });
    }
    Ok(found.min(known()))
}

/// A column as the text that the server sent.
fn text(row: &PgRow, column: usize) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    value.as_str().map(str::to_owned).map_err(sqlx::Error::Decode)
}
