//! The operator's door: what lies behind it opens to the operator's token alone, and without one in the
//! settings it is not there.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use secrecy::SecretString;

use crate::problem::Problem;
use crate::secret::{Known, offered};

/// These routes for whoever sends the token as `Authorization: Bearer …`; none of them without a token
/// in the settings, so that they are answered as any other path that is not there.
pub fn only(routes: Router, token: Option<&SecretString>) -> Router {
    match token {
        Some(token) => routes.route_layer(from_fn_with_state(Known::new([token]), let_in)),
        None => Router::new(),
    }
}

async fn let_in(State(known): State<Known>, request: Request, next: Next) -> Response {
    let offered = offered(request.headers(), &AUTHORIZATION).and_then(token);
    if known.include(offered) { next.run(request).await } else { refused() }
}

/// What follows the scheme, whose name may be written in any case.
fn token(credentials: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = credentials.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// The same for a missing token as for a wrong one.
fn refused() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "The operator's token is missing or wrong",
        "Send it in the header Authorization, as `Bearer` and the token: the one in ADMIN_TOKEN (console.token), not \
         the bot token and not the webhook's secret token.",
    );
    let mut response = problem.into_response();
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_what_follows_the_scheme_in_any_case() {
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
            assert_eq!(token(credentials), expected, "{credentials:?}");
        }
    }
}
