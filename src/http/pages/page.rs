use std::fmt::Write;

use askama::Template;
use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use url::form_urlencoded;

use super::assets;
use super::cross_site::refuse_cross_site;
use super::language::{COOKIE_NAME, Language};
use crate::http::Problem;

/// A page may load only from its own host, and nothing inline. No other page may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the layout needs. Each template of a page extends `http/pages/layout.html` and has a field `page` of this type.
pub struct Page {
    /// The language.
    pub language: Language,
    /// The title, without the name of the product.
    pub title: String,
    /// The links to the assets begin with this path: empty, or the path of the public URL.
    pub root: String,
    /// The path of the event stream, if the page is live.
    pub live: Option<String>,
    /// The query of the address, which the link to the other language keeps. `None` if the page is the answer to a form: it
    /// has no address, so it has no such link.
    pub query: Option<String>,
}

impl Page {
    /// The address of the style sheet.
    #[must_use]
    pub fn style(&self) -> String {
        format!("{}/assets/{}", self.root, assets::style())
    }

    /// The address of the script.
    #[must_use]
    pub fn script(&self) -> String {
        format!("{}/assets/{}", self.root, assets::script())
    }

    /// The address of this page in the other language.
    #[must_use]
    pub fn in_other_language(&self) -> Option<String> {
        let pairs = form_urlencoded::parse(self.query.as_ref()?.as_bytes()).filter(|(name, _)| name != "lang");
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("?"), 1);
        Some(query.extend_pairs(pairs).append_pair("lang", self.language.pick("ru", "en")).finish())
    }

    /// The address of the icon.
    #[must_use]
    pub fn icon(&self) -> String {
        format!("{}/assets/{}", self.root, assets::icon())
    }
}

/// Renders a page.
pub fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered; this is an error in the program");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made", "The log says why.")
                .into_response()
        }
    }
}

/// Whether the client asks for JSON and not for a page.
#[must_use]
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    accepted.contains("application/json") && !accepted.contains("text/html")
}

/// The routes of pages, with `/assets`: compressed, protected against pages of other sites, with strict headers, and never
/// stored by a cache.
pub fn routes(pages: Router) -> Router {
    let compressed = SizeAbove::new(512).and(NotForContentType::new("text/event-stream"));
    Router::new()
        .route("/assets/{name}", get(assets::show))
        .merge(pages)
        .layer(from_fn(refuse_cross_site))
        .layer(from_fn(with_headers))
        .layer(CompressionLayer::new().compress_when(compressed))
}

/// Adds the headers of a page, and keeps the language that the query asks for in a cookie.
async fn with_headers(request: Request, next: Next) -> Response {
    let chosen = Language::of_query(request.uri().query());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if headers.get(CONTENT_TYPE).is_some_and(|content| content.as_bytes().starts_with(b"text/html")) {
        headers.append(VARY, HeaderValue::from_static("accept, accept-language, cookie"));
    }
    if let Some(language) = chosen {
        let mut cookie = String::new();
        // Writing to a string does not fail.
        let _ = write!(cookie, "{COOKIE_NAME}={}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly", language.code());
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_to_the_other_language_keeps_the_rest_of_the_query() {
        let link = |language, query: Option<&str>| {
            let (title, root, query) = (String::new(), String::new(), query.map(ToOwned::to_owned));
            Page { language, title, root, live: None, query }.in_other_language()
        };
        assert_eq!(link(Language::English, Some("")).unwrap(), "?lang=ru");
        let query = "state=dead&lang=ru&q=a%26b&before=42";
        assert_eq!(link(Language::Russian, Some(query)).unwrap(), "?state=dead&q=a%26b&before=42&lang=en");
        assert_eq!(link(Language::English, None), None);
    }
}
