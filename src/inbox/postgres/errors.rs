//! Classifies errors of the database, and says what the operator can do.

use sqlx::error::DatabaseError;

use super::schema::NotReady;

/// Whether the server, or a pooler in front of it, refused one more connection.
pub(super) fn is_out_of_connections(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().is_some_and(|code| code == "53300") || error.message().contains("no more connections allowed")
    })
}

/// Whether the error means that the database cannot be used at all, not only that one statement failed.
pub(super) fn is_outage(error: &sqlx::Error) -> bool {
    // Connection exceptions, missing resources, actions of the operator, wrong passwords, no such database, no such
    // schema, missing rights or objects, and transactions that have ended or may not write.
    const CLASSES: [&str; 8] = ["08", "53", "57P", "28", "3D", "3F", "42", "25"];
    if let Some(error) = error.as_database_error() {
        return error.code().is_none_or(|code| CLASSES.iter().any(|class| code.starts_with(class)));
    }
    matches!(error, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed)
}

/// The message of the error. `sqlx` adds the line of the server's source code to it, which is left out here.
pub(super) fn message(error: &NotReady) -> String {
    if let NotReady::Database(sqlx::Error::Database(error)) = error {
        error.message().to_owned()
    } else {
        error.to_string()
    }
}

/// What the operator can do.
pub(super) fn hint(error: &NotReady) -> &'static str {
    let error = match error {
        NotReady::Older { .. } => {
            return "Start the service of this version first: it makes the tables, and commands leave them as they are.";
        }
        NotReady::Newer { .. } => return "Run the newer Doorbell, or use another database.",
        NotReady::Encoding(_) => return "Create a database with ENCODING 'UTF8' and name it in DATABASE_URL.",
        NotReady::WhichBot | NotReady::OtherBot => return "Say which bot is meant: set TELEGRAM_BOT_TOKEN.",
        NotReady::ReadOnly => return "Name the primary server in DATABASE_URL, not a replica of it.",
        NotReady::Database(error) => error,
    };
    if matches!(error, sqlx::Error::Tls(_)) {
        return "Check sslmode in DATABASE_URL: require where the server offers TLS, disable where it does not.";
    }
    if is_out_of_connections(error) {
        return "The server has no connection left for this instance: raise its max_connections, or lower \
                inbox.max_connections of the instances.";
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
        _ => {
            "Check the host and the port in DATABASE_URL, and that the database runs and accepts connections from this machine."
        }
    }
}
