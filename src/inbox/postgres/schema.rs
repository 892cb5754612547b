//! Finds the schema of a bot in the database and migrates it, or says why it cannot be used.
//!
//! Updates of two bots have the same ids, so each bot has a schema of its own: the first bot has `doorbell`, and every
//! other one has `doorbell_` and its number.
//!
//! A migration only adds. What it leaves can be used by programs from version `oldest` on, so two versions can run on one
//! database during a deploy. A later migration may remove what those needed and raise `oldest`, once no such program can
//! run any more.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use super::sql::BEGIN;
use crate::telegram::BotId;

/// One step from a version of the schema to the next.
struct Migration {
    sql: &'static [&'static str],
    /// The oldest version of the program that can use the schema after this step.
    oldest: i32,
}

/// All steps. The statements of a released step never change, because databases have already run them. `doorbell` in
/// them stands for the name of the schema.
const MIGRATIONS: [Migration; 7] = [
    Migration { sql: &[include_str!("sql/0001_tables.sql"), include_str!("sql/0001_functions.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0002_bot_and_crashes.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0003_clocks.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0004_target.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0005_bots.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0006_stored.sql"), include_str!("sql/0006_dead_letters.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0007_lanes.sql"), include_str!("sql/0007_updates.sql")], oldest: 1 },
];

/// Lets instances that start at the same time migrate one after another. The lock belongs to the transaction, not to
/// the session, so it works behind a pooler. The number is the text "Bell".
const MIGRATION_LOCK: &str = "SET LOCAL lock_timeout = 60000; SET LOCAL statement_timeout = 120000; \
     SET LOCAL idle_in_transaction_session_timeout = 120000; SELECT pg_advisory_xact_lock(x'42656c6c'::bigint)";

/// The name of the first bot's schema, and the start of all others.
const FIRST_SCHEMA: &str = "doorbell";

/// Who uses the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbox) enum Access {
    /// The service of this bot.
    Service(BotId),
    /// An operator's command. It never creates or migrates tables. It needs to name the bot only if the database holds
    /// several.
    Command(Option<BotId>),
}

impl Access {
    pub(super) fn bot(self) -> Option<BotId> {
        match self {
            Self::Service(bot) => Some(bot),
            Self::Command(bot) => bot,
        }
    }
}

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotReady {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error("its inbox was made by a newer Doorbell (version {found}), which only programs that know version {oldest} may use; this one knows {known}", known = MIGRATIONS.len())]
    Newer { found: i32, oldest: i32 },
    #[error("its inbox is of an older Doorbell, or not made yet (version {found}; this one knows {known})", known = MIGRATIONS.len())]
    Older { found: i32 },
    #[error("it stores text as {0}, not as UTF8")]
    Encoding(String),
    #[error("it can only be read")]
    ReadOnly,
    #[error("several bots keep their updates in it")]
    WhichBot,
    #[error("its inbox is that of another bot")]
    OtherBot,
}

/// The schema of a bot, which may not exist yet.
pub(super) struct BotSchema {
    pub(super) name: String,
    /// The version that is in the database, or that of this program if that is lower; 0 if there is none.
    version: i32,
    /// Whether the schema names its bot, or no bot was asked for.
    has_owner: bool,
}

impl BotSchema {
    /// Whether the service can use it without a migration.
    pub(super) fn is_current(&self) -> bool {
        self.version == known_version() && self.has_owner
    }

    /// Checks that this program's tables and functions exist.
    ///
    /// # Errors
    ///
    /// [`NotReady::Older`] if they do not.
    pub(super) fn require_migrated(&self) -> Result<(), NotReady> {
        if self.version == known_version() { Ok(()) } else { Err(NotReady::Older { found: self.version }) }
    }
}

fn known_version() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Brings the schema of the bot to the version of this program, in one transaction.
pub(super) async fn migrate(connection: &mut PgConnection, bot: BotId) -> Result<BotSchema, NotReady> {
    execute(connection, format!("{BEGIN}; {MIGRATION_LOCK}")).await?;
    // Another instance may have migrated while this one waited for the lock.
    let mut schema = find(connection, Some(bot)).await?;
    let name = schema.name.clone();
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(schema.version).unwrap_or(0)) {
        for sql in migration.sql {
            execute(connection, sql.replace(FIRST_SCHEMA, &name)).await?;
        }
        let oldest = migration.oldest;
        execute(connection, format!("UPDATE {name}.schema_version SET version = {version}, oldest = {oldest}")).await?;
        tracing::info!(schema = name, version, "the inbox in the database was migrated to this version");
    }
    execute(connection, format!("UPDATE {name}.schema_version SET bot = {bot} WHERE bot IS NULL; COMMIT")).await?;
    (schema.version, schema.has_owner) = (known_version(), true);
    Ok(schema)
}

async fn execute(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(drop)
}

/// Finds the schema of the bot. A first schema without an owner, as version 1 left it, belongs to the first bot that
/// asks. Without a bot, the first schema is used if it is the only one.
pub(super) async fn find(connection: &mut PgConnection, bot: Option<BotId>) -> Result<BotSchema, NotReady> {
    let own = bot.map_or_else(|| FIRST_SCHEMA.to_owned(), |bot| format!("{FIRST_SCHEMA}_{bot}"));
    // The statement is unprepared: behind a pooler no session keeps prepared ones.
    let query = format!(
        "SELECT current_setting('server_encoding'), pg_is_in_recovery(), \
         to_regclass('{FIRST_SCHEMA}.schema_version') IS NOT NULL, to_regclass('{own}.schema_version') IS NOT NULL, \
         EXISTS (SELECT FROM pg_namespace WHERE nspname ~ '^{FIRST_SCHEMA}_[0-9]+$')"
    );
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(query))).await?;
    let (encoding, in_recovery) = (text(&row, 0)?, text(&row, 1)?);
    if encoding != "UTF8" {
        return Err(NotReady::Encoding(encoding));
    }
    // A role that may only read by default can be used: each transaction says that it writes.
    if in_recovery == "t" {
        return Err(NotReady::ReadOnly);
    }
    let is_true = |column| Ok::<_, NotReady>(text(&row, column)? == "t");
    let (first_exists, own_exists, others_exist) = (is_true(2)?, is_true(3)?, is_true(4)?);
    if bot.is_none() && others_exist {
        return Err(NotReady::WhichBot);
    }
    if own_exists {
        return read_version(connection, own, bot).await;
    }
    let missing = |name| Ok(BotSchema { name, version: 0, has_owner: false });
    if !first_exists {
        return missing(FIRST_SCHEMA.to_owned());
    }
    match read_version(connection, FIRST_SCHEMA.to_owned(), bot).await {
        Err(NotReady::OtherBot) => missing(own),
        found => found,
    }
}

/// Reads the version and the owner of a schema that exists.
async fn read_version(connection: &mut PgConnection, name: String, bot: Option<BotId>) -> Result<BotSchema, NotReady> {
    // Version 1 has no column `bot`.
    let query = format!("SELECT version, oldest, coalesce(to_jsonb(v) ->> 'bot', '') FROM {name}.schema_version v");
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(query))).await?;
    let number = |column| text(&row, column).map(|text| text.parse().unwrap_or(i32::MAX));
    let (found, oldest, owner) = (number(0)?, number(1)?, text(&row, 2)?);
    if bot.is_some_and(|bot| !owner.is_empty() && owner != bot.to_string()) {
        return Err(NotReady::OtherBot);
    }
    if found > known_version() && oldest > known_version() {
        return Err(NotReady::Newer { found, oldest });
    }
    Ok(BotSchema { name, version: found.min(known_version()), has_owner: bot.is_none() || !owner.is_empty() })
}

/// A column as the text that the server sent.
fn text(row: &PgRow, column: usize) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    value.as_str().map(str::to_owned).map_err(sqlx::Error::Decode)
}
