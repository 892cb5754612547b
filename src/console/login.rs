//! The login: the operator's token for a session cookie.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{Extensions, HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use url::form_urlencoded;

use super::access::{COOKIE_NAME, TokenRefusal, way_back};
use super::session::LIFETIME;
use super::state::Console;
use super::visit::Visit;
use crate::http::listener::Peer;
use crate::http::pages::{Page, render};

/// The form of the login.
#[derive(Template)]
#[template(path = "console/login.html")]
struct LoginPage {
    page: Page,
    action: String,
    next: String,
    problem: Option<String>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Credentials {
    token: String,
    next: Option<String>,
}

/// `GET /console/login`
pub(super) async fn show(State(console): State<Arc<Console>>, headers: HeaderMap, visit: Visit) -> Response {
    let next = way_back(visit.query("next")).to_owned();
    if console.has_session(&headers) {
        return Redirect::to(&console.link(&next)).into_response();
    }
    form(&console, &visit, next, None)
}

/// `POST /console/login`
pub(super) async fn log_in(
    State(console): State<Arc<Console>>,
    headers: HeaderMap,
    extensions: Extensions,
    visit: Visit,
    Form(credentials): Form<Credentials>,
) -> Response {
    let from = console.address(&headers, extensions.get::<Peer>());
    let next = way_back(credentials.next.as_deref()).to_owned();
    let language = visit.language;
    match console.check(Some(credentials.token.trim().as_bytes()), from) {
        Ok(()) => {
            tracing::info!(from = from.map(|from| from.to_string()), "the operator has logged in to the console");
            let session = console.sessions.issue(console.deps.service.clock.now());
            let cookie = cookie(&console, &headers, &session, LIFETIME.as_secs());
            ([(SET_COOKIE, cookie)], Redirect::to(&console.link(&next))).into_response()
        }
        Err(TokenRefusal::Wrong) => {
            let problem = language.pick(
                "This is not the operator's token. It is the one in ADMIN_TOKEN (console.token): not the bot token and not \
                 the webhook's secret token.",
                "Это не токен оператора. Он задан в ADMIN_TOKEN (console.token): это не токен бота и не секрет вебхука.",
            );
            let mut response = form(&console, &visit, next, Some(problem.to_owned()));
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response
        }
        Err(TokenRefusal::Wait(wait)) => {
            let seconds = TokenRefusal::seconds(wait);
            let again = language.count(seconds.into(), ["second", "seconds"], ["секунду", "секунды", "секунд"]);
            let problem = format!(
                "{} {again}.",
                language.pick(
                    "Too many wrong tokens were sent, so this one was not looked at. Try again in",
                    "Прислано слишком много неверных токенов, поэтому этот не проверялся. Попробуйте через",
                )
            );
            let mut response = form(&console, &visit, next, Some(problem));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
            response
        }
    }
}

/// `POST /console/logout`
pub(super) async fn log_out(State(console): State<Arc<Console>>, headers: HeaderMap) -> Response {
    let cookie = cookie(&console, &headers, "", 0);
    ([(SET_COOKIE, cookie)], Redirect::to(&console.link("/console/login"))).into_response()
}

fn form(console: &Console, visit: &Visit, next: String, problem: Option<String>) -> Response {
    let title = visit.language.pick("Log in", "Вход");
    let action = console.link("/console/login");
    let query = form_urlencoded::Serializer::new(String::new()).append_pair("next", &next).finish();
    let page = Page { query: Some(query), ..visit.still_page(title) };
    render(&LoginPage { page, action, next, problem })
}

/// The cookie with a session. Only pages of the console get it, no script can read it, and no other site can send it.
fn cookie(console: &Console, headers: &HeaderMap, session: &str, seconds: u64) -> HeaderValue {
    let secure = if console.is_https(headers) { "; Secure" } else { "" };
    let path = console.link("/console");
    let cookie = format!("{COOKIE_NAME}={session}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).expect("a session and the path of a URL are visible ASCII")
}
