use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, StatusCode};

use crate::http::Problem;

/// Refuses a request that changes something and that a page of another site has sent (CSRF). A program such as curl sends
/// neither `Sec-Fetch-Site` nor `Origin` and is not affected.
pub async fn refuse_cross_site(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_from_here(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(
        StatusCode::FORBIDDEN,
        "The request came from a page of another site",
        "Open the page itself and try again.",
    )
    .into_response()
}

/// Whether a browser says that the page of the request is one of ours. `Sec-Fetch-Site` decides where it is sent, else
/// `Origin`, which must name the host that the request was sent to.
fn is_from_here(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        // `none`: the person has typed the address, or opened a bookmark.
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = headers.get(ORIGIN) else { return true };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let named = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    named.is_some() && named == host
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn only_a_page_of_this_host_or_a_program_may_change_something() {
        for (site, origin, expected) in [
            (None, None, true),
            (Some("same-origin"), None, true),
            (Some("none"), None, true),
            (Some("same-site"), None, false),
            (Some("cross-site"), None, false),
            (Some("cross-site"), Some("https://bot.example"), false),
            (None, Some("https://bot.example"), true),
            (None, Some("https://other.example"), false),
            (None, Some("https://bot.example:444"), false),
            (None, Some("null"), false),
        ] {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("bot.example"))]);
            if let Some(site) = site {
                headers.insert("sec-fetch-site", HeaderValue::from_static(site));
            }
            if let Some(origin) = origin {
                headers.insert(ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(is_from_here(&headers), expected, "{site:?} {origin:?}");
        }
    }
}
