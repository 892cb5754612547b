//! Runs statements of one purpose one after another, each in a durable transaction of its own.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use tokio::sync::Mutex;

use super::database::Database;
use super::errors::is_outage;
use super::pool::PooledConnection;
use super::sql::{BEGIN, unreadable};
use crate::inbox::error::InboxError;

/// The time limits of the server for one transaction.
const SERVER_LIMITS: &str = "SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
     SET LOCAL idle_in_transaction_session_timeout = 10000";
/// The time limit of a transaction with its network round trips. It is longer than the limits of the server.
const TIMEOUT: Duration = Duration::from_secs(6);

/// The start of a transaction for the operator's pages. It sees one state of the database. Tables may be empty now and have
/// a million rows in a minute, so the planner may only use indexes, whatever its statistics say.
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = 1000; \
     SET LOCAL lock_timeout = 500; SET LOCAL idle_in_transaction_session_timeout = 10000; SET LOCAL enable_seqscan = off; \
     SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; \
     SET LOCAL jit = off";
/// The time limit of a transaction for the operator's pages, with its network round trips.
const READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The connection for one purpose, such as accepting. It takes a network connection from the pool for each statement.
pub(super) struct Connection {
    database: Arc<Database>,
    turn: Mutex<()>,
}

impl Connection {
    pub(super) fn new(database: &Arc<Database>) -> Self {
        Self { database: Arc::clone(database), turn: Mutex::new(()) }
    }

    /// Runs one statement in a transaction of its own, and returns after the commit.
    pub(super) async fn run(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, InboxError> {
        let transaction = self.transaction(format!("{BEGIN}; {SERVER_LIMITS}"), query);
        self.database.with_timeout(TIMEOUT, transaction).await.map_err(|error| self.database.handle_error(error))
    }

    /// Runs one statement that only reads, for the operator's pages. It is ended after a second. Its failure says nothing
    /// about the transactions of updates.
    pub(super) async fn read(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, InboxError> {
        let transaction = self.transaction(BEGIN_READ.to_owned(), query);
        self.database.with_timeout(READ_TIMEOUT, transaction).await.map_err(unreadable)
    }

    async fn transaction(
        &self,
        begin: String,
        query: Query<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        let _turn = self.turn.lock().await;
        // A connection that is not released is closed. So none stays open in the middle of a transaction.
        let mut pooled = self.begin(begin).await?;
        let rows = query.persistent(false).fetch_all(&mut pooled.connection).await?;
        sqlx::raw_sql("COMMIT").execute(&mut pooled.connection).await?;
        self.database.release(pooled);
        Ok(rows)
    }

    /// Takes a connection and begins a transaction on it.
    async fn begin(&self, begin: String) -> Result<PooledConnection<'_>, sqlx::Error> {
        // Statements and functions name no schema, so the transaction sets it.
        let schema = self.database.availability.schema()?;
        let begin = format!("{begin}; SET LOCAL search_path = {schema}, pg_temp");
        loop {
            let mut pooled = self.database.acquire().await?;
            match sqlx::raw_sql(AssertSqlSafe(begin.as_str())).execute(&mut pooled.connection).await {
                Ok(_) => return Ok(pooled),
                // It broke while it was idle. Nothing has been sent on it, so another connection can be used.
                Err(error) if is_outage(&error) && pooled.reused => {}
                Err(error) => return Err(error),
            }
        }
    }
}
