//! Finds the place of a bot in the database and brings it to the version this program knows, or says
//! why it may not be used.
//!
//! Updates of two bots have the same ids, so each bot has a schema of its own: the first one
//! `doorbell`, every other one `doorbell_` and its number.
//!
//! Migrations expand first: what they leave can be used by programs of version `oldest` on, so that
//! during a deploy two versions work on one database. Only a later migration, when no such program
//! can be running any more, takes away what those needed, and raises `oldest`.

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Executor, Row};

use super::link::BEGIN;
use crate::telegram::BotId;

/// One step from a version of the database to the next.
struct Migration {
    sql: &'static [&'static str],
    /// The oldest version of this list whose program still works on what the step leaves.
    oldest: i32,
}

/// Each step brings the database from one version to the next. One that was shipped is never changed.
/// The word `doorbell` in them stands for the schema.
const MIGRATIONS: [Migration; 3] = [
    Migration { sql: &[include_str!("sql/0001_tables.sql"), include_str!("sql/0001_functions.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0002.sql")], oldest: 1 },
    Migration { sql: &[include_str!("sql/0003.sql")], oldest: 1 },
];

/// Instances that start at the same time migrate one after the other. A lock of the transaction, not of
/// the session: it works behind a pooler too. The number says "Bell".
const ONE_AT_A_TIME: &str = "SET LOCAL lock_timeout = 60000; SET LOCAL statement_timeout = 120000; \
     SET LOCAL idle_in_transaction_session_timeout = 120000; SELECT pg_advisory_xact_lock(x'42656c6c'::bigint)";

/// Who uses the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inbox) enum User {
    /// The service of this bot.
    Service(BotId),
    /// An operator's command, which makes and changes no table. It need not name the bot where there is only
    /// one.
    Visitor(Option<BotId>),
}

impl User {
    pub(super) fn bot(self) -> Option<BotId> {
        match self {
            Self::Service(bot) => Some(bot),
            Self::Visitor(bot) => bot,
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

/// Where the inbox of a bot is, or is to be.
pub(super) struct Place {
    pub(super) schema: String,
    /// What is there already: at most the version that this program knows.
    version: i32,
    /// Whether it is known there whose it is, as far as we can tell.
    taken: bool,
}

impl Place {
    /// Whether everything is there as this program needs it.
    pub(super) fn is_current(&self) -> bool {
        self.version == known() && self.taken
    }

    /// Whether the tables and functions are there that this program needs.
    ///
    /// # Errors
    ///
    /// [`NotReady::Older`] when some are not.
    pub(super) fn is_made(&self) -> Result<(), NotReady> {
        if self.version == known() { Ok(()) } else { Err(NotReady::Older { found: self.version }) }
    }
}

/// Makes what is missing for the bot.
pub(super) async fn migrate(connection: &mut PgConnection, bot: BotId) -> Result<Place, NotReady> {
    sqlx::raw_sql(AssertSqlSafe(format!("{BEGIN}; {ONE_AT_A_TIME}"))).execute(&mut *connection).await?;
    // Somebody else may have done it while we waited.
    let mut place = find(connection, Some(bot)).await?;
    let schema = place.schema.clone();
    for (migration, version) in MIGRATIONS.iter().zip(1..).skip(usize::try_from(place.version).unwrap_or(0)) {
        for sql in migration.sql {
            sqlx::raw_sql(AssertSqlSafe(sql.replace("doorbell", &schema))).execute(&mut *connection).await?;
        }
        let oldest = migration.oldest;
        let record = format!("UPDATE {schema}.schema_version SET version = {version}, oldest = {oldest}");
        sqlx::raw_sql(AssertSqlSafe(record)).execute(&mut *connection).await?;
        tracing::info!(schema, version, "the inbox in the database was brought to this version");
    }
    let take = format!("UPDATE {schema}.schema_version SET bot = {bot} WHERE bot IS NULL");
    sqlx::raw_sql(AssertSqlSafe(take)).execute(&mut *connection).await?;
    sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
    (place.version, place.taken) = (known(), true);
    Ok(place)
}

fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Finds the place of the bot. The first schema is that of the first bot that comes, for it may be from
/// a time when nobody wrote down whose it is; without a bot it is meant as long as it is the only one.
pub(super) async fn find(connection: &mut PgConnection, bot: Option<BotId>) -> Result<Place, NotReady> {
    const FIRST: &str = "doorbell";
    let own = bot.map_or_else(|| FIRST.to_owned(), |bot| format!("{FIRST}_{bot}"));
    // Simple statements: there is no session whose prepared ones could be relied on.
    let looks = format!(
        "SELECT current_setting('server_encoding'), pg_is_in_recovery(), \
         to_regclass('{FIRST}.schema_version') IS NOT NULL, to_regclass('{own}.schema_version') IS NOT NULL, \
         EXISTS (SELECT FROM pg_namespace WHERE nspname ~ '^{FIRST}_[0-9]+$')"
    );
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(looks))).await?;
    let (encoding, read_only) = (text(&row, 0)?, text(&row, 1)?);
    if encoding != "UTF8" {
        return Err(NotReady::Encoding(encoding));
    }
    // That a role may only read by default does not matter: each transaction says that it writes.
    if read_only == "t" {
        return Err(NotReady::ReadOnly);
    }
    let is = |column| Ok::<_, NotReady>(text(&row, column)? == "t");
    let (first_is_there, own_is_there, there_are_others) = (is(2)?, is(3)?, is(4)?);
    if bot.is_none() && there_are_others {
        return Err(NotReady::WhichBot);
    }
    if own_is_there {
        return place(connection, own, bot).await;
    }
    if !first_is_there {
        return Ok(Place { schema: FIRST.to_owned(), version: 0, taken: false });
    }
    match place(connection, FIRST.to_owned(), bot).await {
        Err(NotReady::OtherBot) => Ok(Place { schema: own, version: 0, taken: false }),
        found => found,
    }
}

/// What is found in a schema of ours.
async fn place(connection: &mut PgConnection, schema: String, bot: Option<BotId>) -> Result<Place, NotReady> {
    // The first version had no column for the bot.
    let looks = format!("SELECT version, oldest, coalesce(to_jsonb(v) ->> 'bot', '') FROM {schema}.schema_version v");
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(looks))).await?;
    let number = |column| text(&row, column).map(|text| text.parse().unwrap_or(i32::MAX));
    let (found, oldest, owner) = (number(0)?, number(1)?, text(&row, 2)?);
    if bot.is_some_and(|bot| !owner.is_empty() && owner != bot.to_string()) {
        return Err(NotReady::OtherBot);
    }
    if found > known() && oldest > known() {
        return Err(NotReady::Newer { found, oldest });
    }
    Ok(Place { schema, version: found.min(known()), taken: bot.is_none() || !owner.is_empty() })
}

/// A column as the text that the server sent.
fn text(row: &PgRow, column: usize) -> Result<String, sqlx::Error> {
    let value = row.try_get_raw(column)?;
    value.as_str().map(str::to_owned).map_err(sqlx::Error::Decode)
}
