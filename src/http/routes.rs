use axum::Router;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use url::Url;

use super::problem::Problem;

/// Completes the routes of all modules: serves them below the path of the public URL too, and answers requests that
/// fit no route.
pub fn complete(routes: Router, public_url: Option<&str>) -> Router {
    below_public_path(routes, public_url).method_not_allowed_fallback(method_not_allowed).fallback(not_found)
}

/// The path of the public URL without a slash at its end; nothing if it has none.
#[must_use]
pub fn public_path(public_url: Option<&str>) -> String {
    let url = public_url.and_then(|url| Url::parse(url).ok());
    url.map(|url| url.path().trim_end_matches('/').to_owned()).unwrap_or_default()
}

/// The routes, and the same routes below the path of the public URL. A proxy may forward a request with that path or
/// without it.
fn below_public_path(routes: Router, public_url: Option<&str>) -> Router {
    match public_path(public_url).as_str() {
        "" => routes,
        // The path may begin with what older versions of axum took for a parameter.
        path => Router::new().without_v07_checks().nest(path, routes.clone()).merge(routes),
    }
}

async fn not_found() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here", "Updates go to POST /telegram/webhook.")
        .into_response()
}

async fn method_not_allowed() -> Response {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This method is not allowed here",
        "The header Allow names those that are.",
    )
    .into_response()
}
