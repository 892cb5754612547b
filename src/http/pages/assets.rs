//! The style sheet, the script and the icon. The name of each holds a hash of its content, so a browser may keep it for ever.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};

use crate::http::Problem;

/// A file that is compiled in. Its name holds a hash of its content, so a browser may keep it for ever.
pub struct Asset {
    name: String,
    content_type: &'static str,
    content: &'static str,
}

impl Asset {
    /// A file with this content. Its name is `stem`, the hash and `ending`.
    #[must_use]
    pub fn new(stem: &str, ending: &str, content_type: &'static str, content: &'static str) -> Self {
        let hash = BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(content)[..6]);
        Self { name: format!("{stem}-{hash}.{ending}"), content_type, content }
    }

    /// The name of the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The response to a request for the one of these files that has this name.
    #[must_use]
    pub fn answer(assets: &[&Self], name: &str) -> Response {
        let Some(asset) = assets.iter().find(|asset| asset.name == name) else {
            let (title, detail) = ("There is nothing here", "Load the page again.");
            return Problem::new(StatusCode::NOT_FOUND, title, detail).into_response();
        };
        let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
        (headers, asset.content).into_response()
    }
}

static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("style", "css", "text/css; charset=utf-8", concat!(include_str!("style.css"), include_str!("parts.css")))
});
static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    let script = concat!(include_str!("live.js"), include_str!("keys.js"), include_str!("copy.js"));
    Asset::new("live", "js", "text/javascript; charset=utf-8", script)
});
static ICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("icon", "svg", "image/svg+xml", include_str!("icon.svg")));

/// The file name of the style sheet, below `/assets/`.
pub(super) fn style() -> &'static str {
    &STYLE.name
}

/// The file name of the script, below `/assets/`.
pub(super) fn script() -> &'static str {
    &SCRIPT.name
}

/// The file name of the icon, below `/assets/`.
pub(super) fn icon() -> &'static str {
    &ICON.name
}

/// `GET /assets/{name}`.
pub(super) async fn show(Path(name): Path<String>) -> Response {
    Asset::answer(&[&*STYLE, &*SCRIPT, &*ICON], &name)
}
