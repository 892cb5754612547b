use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::Response;

use crate::http::pages::Asset;

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("chat", "css", "text/css; charset=utf-8", include_str!("chat.css")));

/// The address of the style sheet of this page.
pub(super) fn href() -> String {
    format!("/chat/assets/{}", STYLE.name())
}

/// `GET /chat/assets/{name}`.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    Asset::answer(&[&*STYLE], &name)
}
