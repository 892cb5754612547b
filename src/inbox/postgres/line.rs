//! Runs one statement at a time for a purpose, in a transaction that is durable.

use std::sync::Arc;

use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query;
use tokio::sync::Mutex;

use super::super::InboxError;
use super::link::{BATCH, BEGIN, Link};
use super::trouble::is_away;

const LIMITS: &str = "SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
     SET LOCAL idle_in_transaction_session_timeout = 10000";

/// One purpose: what is run for it is run one after another.
pub(super) struct Line {
    link: Arc<Link>,
    turn: Mutex<()>,
}

impl Line {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self { link: Arc::clone(link), turn: Mutex::new(()) }
    }

    /// Runs one statement in a transaction of its own; returns once that is durable.
    pub(super) async fn run(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, InboxError> {
        let query = query.persistent(false);
        let done = async {
            let _turn = self.turn.lock().await;
            // The bot's schema is named in the transaction too: statements and functions say none.
            let begin = format!("{BEGIN}; {LIMITS}; SET LOCAL search_path = {}, pg_temp", self.link.schema()?);
            // Whatever interrupts us, no connection stays that is in the middle of something.
            let mut place = loop {
                let (mut place, new) = self.link.place().await?;
                let Some(connection) = &mut place.connection else { continue };
                match sqlx::raw_sql(AssertSqlSafe(begin.as_str())).execute(connection).await {
                    Ok(_) => break place,
                    // It had died since it was used; nothing has happened yet, so another one may serve.
                    Err(error) if is_away(&error) && !new => {}
                    Err(error) => return Err(error),
                }
            };
            let Some(connection) = &mut place.connection else { return Ok(Vec::new()) };
            let rows = query.fetch_all(&mut *connection).await?;
            sqlx::raw_sql("COMMIT").execute(connection).await?;
            self.link.give_back(place);
            Ok(rows)
        };
        self.link.within(BATCH, done).await.map_err(|error| self.link.trouble(error))
    }
}
