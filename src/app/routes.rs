use axum::Router;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use url::Url;

use crate::problem::Problem;

/// The routes, and the same below the path of the public URL, if it has one: a proxy may pass a request on as it was
/// sent, and one that is shared by several bots passes on nothing else.
pub(super) fn below_public_path(routes: Router, public_url: Option<&str>) -> Router {
    let path = public_url.and_then(|url| Url::parse(url).ok()).map(|url| url.path().trim_end_matches('/').to_owned());
    match path.filter(|path| !path.is_empty()) {
        // A path of the operator's may begin with what older routers took for a parameter.
        Some(path) => Router::new().without_v07_checks().nest(&path, routes.clone()).merge(routes),
        None => routes,
    }
}

pub(super) async fn nothing_here() -> Response {
    Problem::new(StatusCode::NOT_FOUND, "There is nothing here", "Updates go to POST /telegram/webhook.")
        .into_response()
}

pub(super) async fn wrong_method() -> Response {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "This method is not allowed here",
        "The header Allow names those that are.",
    )
    .into_response()
}
