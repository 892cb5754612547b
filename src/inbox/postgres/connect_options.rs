//! Reads the connection options from `DATABASE_URL`.

use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;
use url::Url;

/// The parameters of a URL that `sqlx` knows, except `options[NAME]`. It logs names and values of all others.
const PARAMETERS: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// The connection options of a URL, without the parameters that `sqlx` does not know. `None` if the URL is not valid.
pub(super) fn from_url(url: &str) -> Option<PgConnectOptions> {
    let mut url = Url::parse(url).ok()?;
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    let (known, unknown): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(name, _)| is_known(name));
    if !unknown.is_empty() {
        // Their names are not logged either: a name may be a piece of a password.
        tracing::info!(
            count = unknown.len(),
            "DATABASE_URL has parameters that Doorbell does not use; they are ignored"
        );
        url.query_pairs_mut().clear().extend_pairs(known);
    }
    let options =
        PgConnectOptions::from_str(url.as_str()).ok()?.application_name("doorbell").statement_cache_capacity(0);
    // A pooler may refuse a connection that sets `extra_float_digits`.
    Some(options.extra_float_digits(None).disable_statement_logging())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_parameters_of_a_url_are_removed_and_the_rest_is_used() {
        let options =
            from_url("postgres://u:p%2Fw@host:6432/db?channel_binding=require&sslmode=require&options[a]=b").unwrap();
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("host", 6432, "u"));
        assert_eq!((options.get_database(), options.get_options()), (Some("db"), Some("-c a=b")));
        assert_eq!(format!("{:?}", options.get_ssl_mode()), "Require");
        let socket = from_url("postgres:///db?host=/run/postgresql&user=me").unwrap();
        assert_eq!(
            (socket.get_socket().and_then(|path| path.to_str()), socket.get_username()),
            (Some("/run/postgresql"), "me")
        );
        assert!(from_url("postgres://u@host/db?sslmode=word").is_none());
    }
}
