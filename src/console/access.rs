//! Lets only the operator in: by a session cookie, or by the operator's token as Bearer credentials.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{AUTHORIZATION, COOKIE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::form_urlencoded;

use super::state::Console;
use crate::http::listener::Peer;
use crate::http::pages::wants_json;
use crate::http::{Problem, bearer_token, single_value};

/// The name of the cookie with the session.
pub(super) const COOKIE_NAME: &str = "doorbell_session";

/// Passes a request of the operator on. Any other is led to the login, or refused if it does not come from a browser that
/// shows a page.
pub(super) async fn require_operator(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if headers.contains_key(AUTHORIZATION) {
        let token = single_value(headers, &AUTHORIZATION).and_then(bearer_token);
        let address = console.address(headers, request.extensions().get::<Peer>());
        return match console.check(token, address) {
            Ok(()) => next.run(request).await,
            Err(refusal) => refusal.into_response(),
        };
    }
    if console.has_session(headers) {
        return next.run(request).await;
    }
    if wants_json(headers) || request.uri().path().ends_with("/events") {
        return unauthorized();
    }
    Redirect::to(&console.link(&login_path(&request))).into_response()
}

/// The path of the login that leads back to the page of this request.
fn login_path(request: &Request) -> String {
    let uri = request.uri();
    let back = if request.method() == Method::GET {
        uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
    } else {
        // Not to the action itself: to the page of its section.
        uri.path().split('/').take(3).collect::<Vec<_>>().join("/")
    };
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &back).finish();
    format!("/console/login?{query}")
}

/// Where the operator goes after the login: only a page of the console is accepted.
pub(super) fn way_back(next: Option<&str>) -> &str {
    const HOME: &str = "/console";
    let next = next.unwrap_or(HOME);
    let rest = next.strip_prefix(HOME).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let is_plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !next.contains("..");
    let is_login = rest.is_some_and(|rest| rest.starts_with("/log"));
    if rest.is_some() && is_plain && !is_login { next } else { HOME }
}

/// Why a token was not accepted.
pub(super) enum TokenRefusal {
    /// It is missing or wrong.
    Wrong,
    /// Too many wrong tokens came, so it was not looked at.
    Wait(Duration),
}

impl TokenRefusal {
    /// The whole seconds of the wait, at least one.
    pub(super) fn seconds(wait: Duration) -> u16 {
        u16::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u16::MAX).max(1)
    }

    fn into_response(self) -> Response {
        match self {
            Self::Wrong => unauthorized(),
            Self::Wait(wait) => Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many wrong tokens were sent",
                "Wait as long as the header Retry-After says. A token is not looked at before that.",
            )
            .retry_after(Self::seconds(wait))
            .into_response(),
        }
    }
}

/// The response for a request without a session and without a valid token.
fn unauthorized() -> Response {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "The operator's token is missing or wrong, or the session has ended",
        "Log in at /console, or send the token in the header Authorization, as `Bearer` and the token: the one in \
         ADMIN_TOKEN (console.token).",
    );
    ([(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))], problem).into_response()
}

impl Console {
    /// Whether a request has a valid session.
    pub(super) fn has_session(&self, headers: &HeaderMap) -> bool {
        let now = self.deps.service.clock.now();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, session)| name == COOKIE_NAME && self.sessions.is_valid(session, now))
    }

    /// Whether a token is the operator's. A wrong one is counted.
    pub(super) fn check(&self, token: Option<&[u8]>, from: Option<std::net::IpAddr>) -> Result<(), TokenRefusal> {
        if let Some(wait) = self.attempts.wait(from) {
            return Err(TokenRefusal::Wait(wait));
        }
        if self.tokens.matches(token) {
            return Ok(());
        }
        self.attempts.count_wrong(from);
        Err(TokenRefusal::Wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_console_is_a_way_back() {
        for page in ["/console", "/console/updates?state=dead&chat=-7", "/console/updates/1", "/console?lang=ru"] {
            assert_eq!(way_back(Some(page)), page);
        }
        for other in [
            "",
            "/",
            "//other.example/console",
            "https://other.example/console",
            "/consolex",
            "/console\\..",
            "/console/../metrics",
            "/console/\r\nSet-Cookie: a=b",
            "/console/login",
            "/console/logout",
            "/metrics",
        ] {
            assert_eq!(way_back(Some(other)), "/console", "{other}");
        }
        assert_eq!(way_back(None), "/console");
    }
}
