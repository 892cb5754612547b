//! The database of the inbox: opens connections, notices when the database is away, and tries until it is back.
//!
//! No connection has a session state that matters. Each statement is unprepared and runs in a transaction of its own, so
//! a transaction pooler may stand in between and give each transaction another connection to the server. Each setting
//! that matters is set within the transaction: a pooler passes nothing else on, and a role or a database can have other
//! defaults.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection as _, PgConnection};

use super::availability::{Availability, Outage};
use super::connect_options;
use super::errors::{hint, is_out_of_connections, is_outage, message};
use super::pool::{Pool, PooledConnection};
use super::schema::{self, Access, NotReady};
use crate::clock::{Backoff, SharedClock, elapsed, later};
use crate::inbox::error::{Away, InboxError};
use crate::lifecycle::{Shutdown, Task};
use crate::telemetry::Storm;

/// The time limit for opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The time limit of a migration. The limits of the server within it are shorter.
const MIGRATION_TIMEOUT: Duration = Duration::from_mins(3);
/// How long an update that arrives waits for a database that is away. Then the webhook answers 503.
const PATIENCE: Duration = Duration::from_secs(2);
/// The waits between two tries to reach the database. The first is short, because most outages are.
const RECONNECT: Backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(1) };

/// How long after an outage no instance claims lapsed leases, so that their owners can extend them first.
const GRACE: Duration = Duration::from_secs(5);
/// The lowest limit of connections with which one of them listens for other instances.
const LISTEN_FROM: usize = 4;

/// The database, shared by all of its users in one instance.
pub(super) struct Database {
    pub(super) options: PgConnectOptions,
    /// Host and database name, for the log.
    name: String,
    access: Access,
    pool: Pool,
    pub(super) availability: Availability,
    /// Whether one connection listens for other instances.
    pub(super) listens: bool,
    /// Transactions that failed.
    failures: Storm,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
}

impl Database {
    /// Starts to connect in the background, and returns at once.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when the URL is not valid.
    pub(super) fn open(
        url: &SecretString,
        max_connections: usize,
        access: Access,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Self>, InboxError> {
        // The error of the library is left out: it repeats a part of the URL.
        let options = connect_options::from_url(url.expose_secret()).ok_or_else(|| {
            InboxError::unusable(
                "DATABASE_URL cannot be understood as the address of a PostgreSQL database".to_owned(),
                "It is written postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require. Look at the port and at the \
                 values of the parameters.",
            )
        })?;
        let name = format!("{}/{}", options.get_host(), options.get_database().unwrap_or(options.get_username()));
        let listens = matches!(access, Access::Service(_)) && max_connections >= LISTEN_FROM;
        let database = Arc::new(Self {
            options,
            name,
            access,
            pool: Pool::new(max_connections - usize::from(listens)),
            availability: Availability::new(),
            listens,
            failures: Storm::new(Arc::clone(&clock)),
            clock,
            shutdown,
        });
        database.shutdown.supervise_job(Task::DatabaseConnection, Arc::clone(&database).connect_until_available(false));
        Ok(database)
    }

    /// Tries until the database can be used, or until the soft stop. Each reason is logged once, and a first failure
    /// after an outage is not logged: most outages end at once.
    async fn connect_until_available(self: Arc<Self>, after_outage: bool) {
        let (began, mut failures, mut logged) = (self.clock.steady(), 0, None);
        let schema = loop {
            let error = match self.prepare().await {
                Ok(schema) => break schema,
                Err(error) => error,
            };
            let outage = Outage { reason: message(&error), hint: hint(&error) };
            self.availability.set_outage(outage.clone());
            failures += 1;
            if logged.as_ref() != Some(&outage.reason) && (failures > 1 || !after_outage) {
                tracing::warn!(
                    database = self.name,
                    error = outage.reason,
                    hint = outage.hint,
                    "the database of the inbox cannot be used; no update is acknowledged until it can be used, and \
                     Doorbell tries again every second"
                );
                logged = Some(outage.reason);
            }
            tokio::select! {
                () = self.shutdown.soft.cancelled() => return,
                () = self.clock.sleep(RECONNECT.wait(failures, rand::random())) => {}
            }
        };
        if logged.is_some() || !after_outage {
            let seconds = elapsed(began, self.clock.steady()).as_secs();
            tracing::info!(database = self.name, seconds, "the database of the inbox can be used");
        }
        let _ = self.failures.over();
        let grace_until = after_outage.then(|| later(self.clock.steady(), GRACE));
        self.availability.set_available(schema, grace_until);
    }

    /// Connects, finds the schema of the bot, and migrates it if it is the service that asks. Returns its name.
    async fn prepare(&self) -> Result<Arc<str>, NotReady> {
        let mut pooled = self.with_timeout(CONNECT_TIMEOUT, self.acquire()).await?;
        let connection = &mut pooled.connection;
        let mut found = self.with_timeout(CONNECT_TIMEOUT, schema::find(connection, self.access.bot())).await?;
        match self.access {
            Access::Service(bot) if !found.is_current() => {
                found = self.with_timeout(MIGRATION_TIMEOUT, schema::migrate(connection, bot)).await?;
            }
            Access::Command(_) => found.require_migrated()?,
            Access::Service(_) => {}
        }
        self.release(pooled);
        Ok(found.name.into())
    }

    /// Takes a connection from the pool, or opens one.
    pub(super) async fn acquire(&self) -> Result<PooledConnection<'_>, sqlx::Error> {
        loop {
            let (permit, idle) = self.pool.acquire(self.clock.steady()).await;
            if let Some(connection) = idle {
                return Ok(PooledConnection { connection, reused: true, _permit: permit });
            }
            let error = match self.connect().await {
                Ok(connection) => return Ok(PooledConnection { connection, reused: false, _permit: permit }),
                Err(error) => error,
            };
            let others = is_out_of_connections(&error).then(|| self.pool.reduce(self.clock.steady())).flatten();
            let Some(connections) = others else { return Err(error) };
            tracing::warn!(
                database = self.name,
                connections,
                "the server has no more connections for this instance, which continues with the open ones. \
                 Raise max_connections of the server, or lower inbox.max_connections of the instances"
            );
        }
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.with_timeout(CONNECT_TIMEOUT, self.options.connect()).await
    }

    /// Gives a connection back to the pool.
    pub(super) fn release(&self, pooled: PooledConnection<'_>) {
        if let Some(overdue) = self.pool.release(pooled, self.clock.steady()) {
            self.shutdown.tasks.spawn(async move {
                // The server may have closed it already.
                let _ = overdue.close().await;
            });
        }
    }

    /// Whether lapsed leases may be claimed. Right after an outage they may not: it let the leases of all instances
    /// lapse.
    pub(super) fn may_claim_lapsed(&self) -> bool {
        self.availability.grace_until() <= self.clock.steady()
    }

    /// Runs `work`, and fails if it takes longer than `limit`.
    pub(super) async fn with_timeout<T, E: From<sqlx::Error>>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time");
        tokio::select! {
            done = work => done,
            () = self.clock.sleep(limit) => Err(E::from(sqlx::Error::Io(late()))),
        }
    }

    /// Fails at once if the database is away.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unavailable`] for the service, [`InboxError::Unusable`] for an operator's command.
    pub(super) fn check_available(&self) -> Result<(), InboxError> {
        // After the soft stop no task connects any more; the statement itself tries.
        if self.availability.is_available() || self.shutdown.soft.is_cancelled() {
            Ok(())
        } else {
            Err(self.outage_error())
        }
    }

    /// Waits up to [`PATIENCE`] for a database that is away.
    ///
    /// # Errors
    ///
    /// As [`Self::check_available`].
    pub(super) async fn wait_available(&self) -> Result<(), InboxError> {
        tokio::select! {
            biased;
            () = self.availability.available() => Ok(()),
            () = self.shutdown.soft.cancelled() => Ok(()),
            () = self.clock.sleep(PATIENCE) => Err(self.outage_error()),
        }
    }

    fn outage_error(&self) -> InboxError {
        let Outage { reason, hint } = self.availability.outage();
        match self.access {
            Access::Service(_) => InboxError::Unavailable(Arc::new(Away(hint))),
            Access::Command(_) => {
                InboxError::unusable(format!("the database of the inbox cannot be used: {reason}"), hint)
            }
        }
    }

    /// Turns the error of a transaction into that of the inbox. If the error means that the database is away, a task
    /// starts to connect again.
    pub(super) fn handle_error(self: &Arc<Self>, error: sqlx::Error) -> InboxError {
        if let Some(transactions) = self.failures.event() {
            tracing::warn!(
                database = self.name,
                %error,
                batches = transactions,
                "batches of the inbox failed; none of their updates is acknowledged"
            );
        }
        if is_outage(&error) && self.availability.set_unavailable() {
            self.pool.clear();
            self.shutdown.supervise_job(Task::DatabaseConnection, Arc::clone(self).connect_until_available(true));
        }
        InboxError::Unavailable(Arc::new(error))
    }
}
