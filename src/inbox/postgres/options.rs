use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;
use url::Url;

/// The parameters of a URL that the library knows, but for `options[NAME]`; of others it logs names and values.
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

/// What a URL says of the way to the database, without parameters that are of no use here; none where it says
/// nothing that can be understood.
pub(super) fn of_url(url: &str) -> Option<PgConnectOptions> {
    let mut url = Url::parse(url).ok()?;
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    let (known, unknown): (Vec<_>, Vec<_>) = url.query_pairs().into_owned().partition(|(name, _)| is_known(name));
    if !unknown.is_empty() {
        // Their names are not logged either: what looks like one may be a piece of a password.
        tracing::info!(
            count = unknown.len(),
            "DATABASE_URL has parameters that Doorbell does not use; they are ignored"
        );
        url.query_pairs_mut().clear().extend_pairs(known);
    }
    PgConnectOptions::from_str(url.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_beside_what_the_library_knows_is_left_out_and_the_rest_kept() {
        let options =
            of_url("postgres://u:p%2Fw@host:6432/db?channel_binding=require&sslmode=require&options[a]=b").unwrap();
        assert_eq!((options.get_host(), options.get_port(), options.get_username()), ("host", 6432, "u"));
        assert_eq!((options.get_database(), options.get_options()), (Some("db"), Some("-c a=b")));
        assert_eq!(format!("{:?}", options.get_ssl_mode()), "Require");
        let socket = of_url("postgres:///db?host=/run/postgresql&user=me").unwrap();
        assert_eq!(
            (socket.get_socket().and_then(|path| path.to_str()), socket.get_username()),
            (Some("/run/postgresql"), "me")
        );
        assert!(of_url("postgres://u@host/db?sslmode=word").is_none());
    }
}
