//! The way to the database: connects, notices when it is away and when it is back, and runs one batch
//! at a time for each purpose, on a few connections.
//!
//! No connection has a state that matters. Whatever is run is one transaction of statements without
//! names, so that a pooler may stand in between and give each transaction another connection of the
//! server. What it relies on is set within the transaction, for a pooler lets nothing else through, and a role
//! or a database can have other defaults.

use std::mem;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;

use super::super::{Away, InboxError};
use super::options;
use super::pool::{Place, Pool};
use super::schema::{self, NotReady, User};
use super::trouble::{has_no_more, hint, is_away, words};
use crate::clock::{SharedClock, elapsed, later};
use crate::lifecycle::{Shutdown, Task};
use crate::telemetry::Storm;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a batch may take, with all that goes over the network; longer than the server's own limit.
pub(super) const BATCH: Duration = Duration::from_secs(6);
/// How long a migration may take; the server's limits within it are shorter.
const MIGRATE: Duration = Duration::from_mins(3);
/// How long somebody waits for a database that is away before being told so.
const AWAY: Duration = Duration::from_secs(2);
/// How often a database that is away is tried: soon at first, as it is back soon most of the time.
const FIRST_TRY: Duration = Duration::from_millis(100);
const SLOWEST_TRY: Duration = Duration::from_secs(1);

/// How long after an outage nobody's lapsed leases are taken: who has them prolongs them first.
const GRACE: Duration = Duration::from_secs(5);
/// With fewer connections none is spent on hearing of other instances.
const ENOUGH_TO_LISTEN: usize = 4;

/// Begins a transaction that is durable once it is committed, and in which each statement sees what was
/// committed before.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL synchronous_commit = on";

/// Whether the database can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Away,
    Ready,
}

/// The database, as all connections to it know it.
pub(super) struct Link {
    pub(super) options: PgConnectOptions,
    /// Host and database, for the log.
    name: String,
    user: User,
    pool: Pool,
    /// Whether a connection may be spent on hearing of other instances.
    pub(super) listens: bool,
    /// The bot's schema, once it is known.
    schema: std::sync::Mutex<Option<Arc<str>>>,
    standing: watch::Sender<Standing>,
    /// Until when nobody's lapsed leases are taken.
    grace: std::sync::Mutex<Timestamp>,
    /// What the operator can do while the database is away; fit to be seen by strangers.
    advice: std::sync::Mutex<&'static str>,
    /// The same, whole, for the operator.
    why: std::sync::Mutex<String>,
    /// Batches that failed.
    failing: Storm,
    pub(super) clock: SharedClock,
    pub(super) shutdown: Shutdown,
}

impl Link {
    /// Begins to look for the database; returns at once.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unusable`] when the URL says something that no database can understand.
    pub(super) fn open(
        url: &SecretString,
        most_connections: usize,
        user: User,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Self>, InboxError> {
        let options = options::of_url(url.expose_secret()).ok_or_else(|| InboxError::Unusable {
            message: "DATABASE_URL cannot be understood as the address of a PostgreSQL database".to_owned(),
            hint: "It is written postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require. Look at the port and at the \
                   values of the parameters."
                .to_owned(),
            // The library's error repeats a part of the URL.
            source: None,
        })?;
        let options = options
            .application_name("doorbell")
            .statement_cache_capacity(0)
            // A pooler may refuse to pass it on.
            .extra_float_digits(None)
            .disable_statement_logging();
        let name = format!("{}/{}", options.get_host(), options.get_database().unwrap_or(options.get_username()));
        let standing = watch::Sender::new(Standing::Away);
        let listens = matches!(user, User::Service(_)) && most_connections >= ENOUGH_TO_LISTEN;
        let failing = Storm::new(Arc::clone(&clock));
        let link = Arc::new(Self {
            options,
            name,
            user,
            pool: Pool::new(most_connections - usize::from(listens)),
            listens,
            schema: std::sync::Mutex::default(),
            standing,
            grace: std::sync::Mutex::new(Timestamp::MIN),
            advice: std::sync::Mutex::new("it is being looked for"),
            why: std::sync::Mutex::default(),
            failing,
            clock,
            shutdown,
        });
        link.shutdown.supervise_job(Task::DatabaseConnection, Arc::clone(&link).reach(false));
        Ok(link)
    }

    /// Tries until the database can be used, or the service stops. Says so once, and again only when
    /// the reason changes.
    async fn reach(self: Arc<Self>, mut known: bool) {
        let was_there = known;
        let (began, mut said, mut pause) = (self.clock.steady(), String::new(), FIRST_TRY);
        loop {
            let why = match self.prepared().await {
                Ok(()) => break,
                Err(why) => why,
            };
            let (words, hint) = (words(&why), hint(&why));
            *self.advice.lock().unwrap_or_else(PoisonError::into_inner) = hint;
            self.why.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&words);
            // A blink is not worth a line.
            if words != said && (!known || pause > FIRST_TRY) {
                tracing::warn!(
                    database = self.name,
                    error = words,
                    hint,
                    "the database of the inbox cannot be used; nothing is acknowledged until it can, and it is tried again every second"
                );
                said = words;
                known = false;
            }
            tokio::select! {
                () = self.shutdown.soft.cancelled() => return,
                () = self.clock.sleep(pause) => {}
            }
            pause = SLOWEST_TRY.min(pause * 2);
        }
        if !known {
            let seconds = elapsed(began, self.clock.steady()).as_secs();
            tracing::info!(database = self.name, seconds, "the database of the inbox can be used");
        }
        let _ = self.failing.over();
        if was_there {
            *self.grace.lock().unwrap_or_else(PoisonError::into_inner) = later(self.clock.steady(), GRACE);
        }
        self.standing.send_replace(Standing::Ready);
    }

    async fn prepared(&self) -> Result<(), NotReady> {
        let (mut place, _) = self.within(CONNECT, self.place()).await?;
        let Some(connection) = &mut place.connection else { return Ok(()) };
        let mut found = self.within(CONNECT, schema::find(connection, self.user.bot())).await?;
        match self.user {
            User::Service(bot) if !found.is_current() => {
                found = self.within(MIGRATE, schema::migrate(connection, bot)).await?;
            }
            User::Visitor(_) => found.is_made()?,
            User::Service(_) => {}
        }
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.schema.into());
        self.give_back(place);
        Ok(())
    }

    /// A connection, and whether it was opened for this. One that was idle may have broken meanwhile.
    pub(super) async fn place(&self) -> Result<(Place<'_>, bool), sqlx::Error> {
        loop {
            let mut place = self.pool.place(self.clock.steady()).await;
            if place.connection.is_some() {
                return Ok((place, false));
            }
            match self.connect().await {
                Ok(connection) => {
                    place.connection = Some(connection);
                    return Ok((place, true));
                }
                Err(error) => {
                    let others = has_no_more(&error).then(|| self.pool.make_do(self.clock.steady())).flatten();
                    let Some(connections) = others else { return Err(error) };
                    tracing::warn!(
                        database = self.name,
                        connections,
                        "the server has no more connections for this instance, which goes on with those that it has. \
                         Raise max_connections of the server, or lower inbox.max_connections of the instances"
                    );
                }
            }
        }
    }

    pub(super) fn give_back(&self, place: Place<'_>) {
        if let Some(unneeded) = place.give_back(self.clock.steady()) {
            self.shutdown.tasks.spawn(async move {
                // The server may have closed it already.
                let _ = unneeded.close().await;
            });
        }
    }

    /// Whether leases that lapsed may be taken: not right after an outage, in which everybody's did.
    pub(super) fn takes_lapsed(&self) -> bool {
        *self.grace.lock().unwrap_or_else(PoisonError::into_inner) <= self.clock.steady()
    }

    /// Returns each time when the database can be used again.
    pub(super) async fn back(&self, standing: &mut watch::Receiver<Standing>) {
        while standing.changed().await.is_ok() {
            if *standing.borrow_and_update() == Standing::Ready {
                return;
            }
        }
    }

    pub(super) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// The schema in which the bot's updates are.
    ///
    /// # Errors
    ///
    /// When the database was never reached, and so it is not known.
    pub(super) fn schema(&self) -> Result<Arc<str>, sqlx::Error> {
        let schema = self.schema.lock().unwrap_or_else(PoisonError::into_inner).clone();
        schema.ok_or_else(|| sqlx::Error::Io(std::io::Error::other("the database is away")))
    }

    /// What comes of it, unless it takes longer than `limit`.
    pub(super) async fn within<T, E: From<sqlx::Error>>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            done = work => done,
            () = self.clock.sleep(limit) => Err(E::from(too_slow("the database did not answer in time"))),
        }
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        self.within(CONNECT, self.options.connect()).await
    }

    /// Returns when the database can be used.
    pub(super) async fn ready(&self) {
        // The sender lives as long as we do.
        let _ = self.standing.subscribe().wait_for(|standing| *standing == Standing::Ready).await;
    }

    /// Whether the database could be used when it was last heard of.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unavailable`] when it could not.
    pub(super) fn ready_now(&self) -> Result<(), InboxError> {
        if *self.standing.borrow() == Standing::Ready || self.shutdown.soft.is_cancelled() {
            Ok(())
        } else {
            Err(self.away())
        }
    }

    /// Returns when the database can be used, and soon.
    ///
    /// # Errors
    ///
    /// [`InboxError::Unavailable`] when it stays away.
    pub(super) async fn ready_soon(&self) -> Result<(), InboxError> {
        tokio::select! {
            biased;
            () = self.ready() => Ok(()),
            // Nobody looks for it any more then; whoever needs it tries.
            () = self.shutdown.soft.cancelled() => Ok(()),
            () = self.clock.sleep(AWAY) => Err(self.away()),
        }
    }

    fn away(&self) -> InboxError {
        if let User::Visitor(_) = self.user {
            let message = self.why.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let message = if message.is_empty() { "it does not answer".to_owned() } else { message };
            let hint = (*self.advice.lock().unwrap_or_else(PoisonError::into_inner)).to_owned();
            let message = format!("the database of the inbox cannot be used: {message}");
            return InboxError::Unusable { message, hint, source: None };
        }
        let advice = *self.advice.lock().unwrap_or_else(PoisonError::into_inner);
        InboxError::Unavailable(Arc::new(Away(advice)))
    }

    /// Makes of an error of the database what it means for whoever asked, and begins to look for the
    /// database if it has gone away.
    pub(super) fn trouble(self: &Arc<Self>, error: sqlx::Error) -> InboxError {
        if let Some(batches) = self.failing.event() {
            tracing::warn!(
                database = self.name,
                %error,
                batches,
                "batches of the inbox failed; nothing of them is acknowledged"
            );
        }
        if is_away(&error) {
            let was_ready =
                self.standing.send_if_modified(|standing| mem::replace(standing, Standing::Away) == Standing::Ready);
            if was_ready {
                self.pool.clear();
                self.shutdown.supervise_job(Task::DatabaseConnection, Arc::clone(self).reach(true));
            }
        }
        InboxError::Unavailable(Arc::new(error))
    }
}

fn too_slow(words: &str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, words.to_owned()))
}
