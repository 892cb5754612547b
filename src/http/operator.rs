use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use secrecy::SecretString;

use super::problem::Problem;
use super::token::{TokenDigests, single_value};

/// Protects routes with the operator's token (`console.token`), which a client sends as `Authorization: Bearer …`.
///
/// Without a token in the settings the routes do not exist: they answer 404, as every unknown path does.
pub fn require_operator_token(routes: Router, token: Option<&SecretString>) -> Router {
    match token {
        Some(token) => routes.route_layer(from_fn_with_state(TokenDigests::new([token]), check)),
        None => Router::new(),
    }
}

async fn check(State(valid): State<TokenDigests>, request: Request, next: Next) -> Response {
    let token = single_value(request.headers(), &AUTHORIZATION).and_then(bearer_token);
    if valid.matches(token) { next.run(request).await } else { unauthorized() }
}

/// The token of `Bearer` credentials. The case of the scheme does not matter.
#[must_use]
pub fn bearer_token(credentials: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// One response for a missing and for a wrong token.
fn unauthorized() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "The operator's token is missing or wrong",
        "Send it in the header Authorization, as `Bearer` and the token: the one in ADMIN_TOKEN (console.token), not \
         the bot token and not the webhook's secret token.",
    );
    ([(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))], problem).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_follows_its_scheme_in_any_case() {
        for (credentials, expected) in [
            (&b"Bearer a"[..], Some(&b"a"[..])),
            (b"bearer a", Some(b"a")),
            (b"Bearer   a ", Some(b"a")),
            (b"Bearer a b", Some(b"a b")),
            (b"Bearer ", Some(b"")),
            (b"Bearer", None),
            (b"Basic a", None),
            (b"a", None),
            (b"", None),
        ] {
            assert_eq!(bearer_token(credentials), expected, "{credentials:?}");
        }
    }
}
