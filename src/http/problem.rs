use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// An error response in the form of RFC 9457 (`application/problem+json`). It says what is wrong and what to do, and
/// never repeats input.
#[derive(Debug)]
pub struct Problem {
    /// The status of the response.
    pub status: StatusCode,
    title: &'static str,
    detail: Cow<'static, str>,
    retry_after: Option<u16>,
}

impl Problem {
    /// Creates a problem: `title` says what is wrong, `detail` what to do about it.
    pub fn new(status: StatusCode, title: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, title, detail: detail.into(), retry_after: None }
    }

    /// Adds the header `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u16) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: &'static str,
            title: &'static str,
            status: u16,
            detail: &'a str,
        }
        let Self { status, title, detail, retry_after } = &self;
        let body = Body { r#type: "about:blank", title, status: status.as_u16(), detail };
        let body = serde_json::to_string(&body).expect("a struct of texts is JSON");
        let mut response = (self.status, body + "\n").into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(*seconds));
        }
        response
    }
}
