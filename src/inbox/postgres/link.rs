//! The way to the database: connects, notices when it is away and when it is back, and runs one batch
//! at a time on each of a few connections.
//!
//! No connection has a state that matters. Whatever is run is one transaction of statements without
//! names, so that a pooler may stand in between and give each transaction another connection of the
//! server; time limits are set within the transaction, for a pooler lets no others through.

use std::mem;
use std::str::FromStr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow, Postgres};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, ConnectOptions, PgConnection};
use tokio::sync::{Mutex, watch};

use super::super::InboxError;
use super::schema::{self, NotReady};
use crate::clock::{SharedClock, elapsed};
use crate::fail;
use crate::lifecycle::Shutdown;
use crate::telegram::BotId;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a batch may take, with all that goes over the network; longer than the server's own limit.
const BATCH: Duration = Duration::from_secs(6);
/// How long a migration may take; the server's limits within it are shorter.
const MIGRATE: Duration = Duration::from_mins(3);
/// How long somebody waits for a database that is away before being told so.
const AWAY: Duration = Duration::from_secs(2);
/// How often a database that is away is tried: soon at first, as it is back soon most of the time.
const FIRST_TRY: Duration = Duration::from_millis(100);
const SLOWEST_TRY: Duration = Duration::from_secs(1);

/// What looks for the database, to whoever supervises it.
const REACHING: &str = "the search for the inbox's database";

const LIMITS: &str = "BEGIN; SET LOCAL statement_timeout = 5000; SET LOCAL lock_timeout = 2000; \
     SET LOCAL idle_in_transaction_session_timeout = 10000";

/// Whether the database can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Away,
    Ready,
}

/// The database, as all connections to it know it.
pub(super) struct Link {
    pub(super) options: PgConnectOptions,
    /// Host and database, for the log.
    name: String,
    /// Whose updates are kept; an operator need not say it where there is only one.
    bot: Option<BotId>,
    /// The bot's schema, once it is known.
    schema: std::sync::Mutex<Option<Arc<str>>>,
    standing: watch::Sender<Standing>,
    /// What the operator can do while the database is away; fit to be seen by strangers.
    advice: std::sync::Mutex<&'static str>,
    /// The last failure that was logged: the same is not said again.
    said: std::sync::Mutex<String>,
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
        bot: Option<BotId>,
        clock: SharedClock,
        shutdown: Shutdown,
    ) -> Result<Arc<Self>, InboxError> {
        let options = PgConnectOptions::from_str(url.expose_secret()).map_err(|error| InboxError::Unusable {
            message: "DATABASE_URL cannot be understood as the address of a PostgreSQL database".to_owned(),
            hint: "It is written postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require.".to_owned(),
            source: Some(Arc::new(error)),
        })?;
        let options = options
            .application_name("doorbell")
            .statement_cache_capacity(0)
            // A pooler may refuse to pass it on.
            .extra_float_digits(None)
            .disable_statement_logging();
        let name = format!("{}/{}", options.get_host(), options.get_database().unwrap_or(options.get_username()));
        let standing = watch::Sender::new(Standing::Away);
        let (schema, said) = (std::sync::Mutex::default(), std::sync::Mutex::default());
        let advice = std::sync::Mutex::new("it is being looked for");
        let link = Arc::new(Self { options, name, bot, schema, standing, advice, said, clock, shutdown });
        link.shutdown.supervise_work(REACHING, Arc::clone(&link).reach(false));
        Ok(link)
    }

    /// Tries until the database can be used, or the service stops. Says so once, and again only when
    /// the reason changes.
    async fn reach(self: Arc<Self>, mut known: bool) {
        let (began, mut said, mut pause) = (self.clock.now(), String::new(), FIRST_TRY);
        loop {
            fail::point("database");
            let why = match self.prepared().await {
                Ok(()) => break,
                Err(why) => why,
            };
            let (words, hint) = (words(&why), hint(&why));
            *self.advice.lock().unwrap_or_else(PoisonError::into_inner) = hint;
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
            let seconds = elapsed(began, self.clock.now()).as_secs();
            tracing::info!(database = self.name, seconds, "the database of the inbox can be used");
        }
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.standing.send_replace(Standing::Ready);
    }

    async fn prepared(&self) -> Result<(), NotReady> {
        let mut connection = self.connect().await?;
        let mut place = self.within(CONNECT, schema::find(&mut connection, self.bot)).await?;
        if !place.is_current() {
            place = self.within(MIGRATE, schema::migrate(&mut connection, self.bot)).await?;
        }
        *self.schema.lock().unwrap_or_else(PoisonError::into_inner) = Some(place.schema.into());
        Ok(())
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
    async fn within<T, E: From<sqlx::Error>>(
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
        let advice = *self.advice.lock().unwrap_or_else(PoisonError::into_inner);
        InboxError::Unavailable(Arc::new(std::io::Error::other(format!("the database is away: {advice}"))))
    }

    /// Makes of an error of the database what it means for whoever asked, and begins to look for the
    /// database if it has gone away.
    fn trouble(self: &Arc<Self>, error: sqlx::Error) -> InboxError {
        let words = error.to_string();
        if mem::replace(&mut *self.said.lock().unwrap_or_else(PoisonError::into_inner), words.clone()) != words {
            tracing::warn!(
                database = self.name,
                error = words,
                "a batch of the inbox failed; nothing of it is acknowledged"
            );
        }
        if is_away(&error) {
            let was_ready =
                self.standing.send_if_modified(|standing| mem::replace(standing, Standing::Away) == Standing::Ready);
            if was_ready {
                self.shutdown.supervise_work(REACHING, Arc::clone(self).reach(true));
            }
        }
        InboxError::Unavailable(Arc::new(error))
    }
}

/// One connection, used by one at a time; made when it is needed, and again after an error.
pub(super) struct Line {
    link: Arc<Link>,
    connection: Mutex<Option<PgConnection>>,
}

impl Line {
    pub(super) fn new(link: &Arc<Link>) -> Self {
        Self { link: Arc::clone(link), connection: Mutex::new(None) }
    }

    /// Runs one statement in a transaction of its own; returns once that is durable.
    pub(super) async fn run(&self, query: Query<'_, Postgres, PgArguments>) -> Result<Vec<PgRow>, InboxError> {
        let query = query.persistent(false);
        let done = async {
            let mut kept = self.connection.lock().await;
            // Taken out: whatever interrupts us, no connection stays that is in the middle of something.
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => self.link.connect().await?,
            };
            // The bot's schema is named in the transaction too: statements and functions say none.
            let begin = format!("{LIMITS}; SET LOCAL search_path = {}, pg_temp", self.link.schema()?);
            let begin = || sqlx::raw_sql(AssertSqlSafe(begin.as_str()));
            if let Err(error) = begin().execute(&mut connection).await {
                if !is_away(&error) {
                    return Err(error);
                }
                // It had died since it was used; nothing has happened yet, so another one may serve.
                connection = self.link.connect().await?;
                begin().execute(&mut connection).await?;
            }
            let rows = query.fetch_all(&mut connection).await?;
            sqlx::raw_sql("COMMIT").execute(&mut connection).await?;
            *kept = Some(connection);
            Ok(rows)
        };
        self.link.within(BATCH, done).await.map_err(|error| self.link.trouble(error))
    }
}

fn too_slow(words: &str) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, words.to_owned()))
}

/// Whether the error is about the way to the database, not about what was asked of it.
fn is_away(error: &sqlx::Error) -> bool {
    // Connection exceptions, resources, the operator's doing, wrong passwords, no such database, no
    // such schema, no rights or no such thing, a transaction that is over or read-only.
    const CLASSES: [&str; 8] = ["08", "53", "57P", "28", "3D", "3F", "42", "25"];
    if let Some(error) = error.as_database_error() {
        return error.code().is_none_or(|code| CLASSES.iter().any(|class| code.starts_with(class)));
    }
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed)
}

/// What is wrong, without the line of the server's source that the library adds.
fn words(why: &NotReady) -> String {
    if let NotReady::Database(sqlx::Error::Database(error)) = why {
        error.message().to_owned()
    } else {
        why.to_string()
    }
}

/// What the operator can do.
fn hint(why: &NotReady) -> &'static str {
    let error = match why {
        NotReady::Newer { .. } => return "Run the newer Doorbell, or use another database.",
        NotReady::Encoding(_) => return "Create a database with ENCODING 'UTF8' and name it in DATABASE_URL.",
        NotReady::WhichBot | NotReady::OtherBot => return "Say which bot is meant: set TELEGRAM_BOT_TOKEN.",
        NotReady::ReadOnly => return "Name the primary server in DATABASE_URL, not a replica of it.",
        NotReady::Database(error) => error,
    };
    if matches!(error, sqlx::Error::Tls(_)) {
        return "Check sslmode in DATABASE_URL: require where the server offers TLS, disable where it does not.";
    }
    let code = error.as_database_error().and_then(DatabaseError::code).unwrap_or_default();
    match code.get(..2) {
        Some("28") => "Check the user and the password in DATABASE_URL.",
        Some("3D") => "Check the name of the database in DATABASE_URL, or create it.",
        Some("42") => {
            "The user needs the right to make a schema in the database (GRANT CREATE ON DATABASE), or all rights on the one \
             that is there."
        }
        Some("53") => "The server has no connection or no space left: look at its limits.",
        _ => "Check the host and the port in DATABASE_URL, and that the database runs and lets this machine in.",
    }
}
