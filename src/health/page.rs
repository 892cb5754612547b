use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};

use super::{Depth, Health};

/// `GET /`: tells a person with a browser what this is and whether it is well, in words and with nothing that
/// `/healthz` does not show. It answers 200 as long as it answers: `/healthz` is for machines.
pub(super) async fn front(State(health): State<Arc<Health>>) -> Response {
    let status =
        if health.shutdown.soft.is_cancelled() { "The service is stopping." } else { "The service is running." };
    let registration = health.registration.borrow().sentence();
    let updates = match health.depth().await {
        Depth::Known { survey, .. } => format!(
            "{} waiting, {} being handled, {} given up (dead-letter updates)",
            survey.waiting, survey.held, survey.dead
        ),
        Depth::Unknown { error } => format!("not known: {error}"),
    };
    let mut rows = String::new();
    for (name, words) in [
        ("Status", Some(status)),
        ("Webhook", Some(&registration)),
        ("Updates", Some(&updates)),
        ("Advice", health.advice.as_deref()),
    ] {
        if let Some(words) = words {
            // Writing to a string does not fail.
            let _ = write!(rows, "<dt>{name}</dt><dd>{}</dd>", escaped(words));
        }
    }
    let page = include_str!("page.html").replace("{{version}}", env!("CARGO_PKG_VERSION")).replace("{{rows}}", &rows);
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers.map(|(name, value)| (name, HeaderValue::from_static(value))), Html(page)).into_response()
}

/// Text as HTML shows it: the name of another service's host comes from outside.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_and_never_read_as_markup() {
        assert_eq!(escaped("a <b> & \"c\" 'd'"), "a &lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;");
    }
}
