//! The responses of the Bot API.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::ascii_json;

/// A response of the Bot API: its status, and its body as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ApiResponse {
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
    retry_after: Option<u64>,
}

impl ApiResponse {
    pub(super) fn ok(result: impl Into<Value>) -> Self {
        Self::new(200, &json!({"ok": true, "result": result.into()}))
    }

    /// The result `true` with a description.
    pub(super) fn done(description: &str) -> Self {
        Self::new(200, &json!({"ok": true, "result": true, "description": description}))
    }

    /// A result that is encoded as JSON already.
    pub(super) fn encoded(result: &[u8]) -> Self {
        Self { code: 200, body: [b"{\"ok\":true,\"result\":", result, b"}"].concat(), retry_after: None }
    }

    pub(super) fn error(code: u16, description: impl Into<String>) -> Self {
        Self::new(code, &json!({"ok": false, "error_code": code, "description": description.into()}))
    }

    pub(super) fn bad_request(description: &str) -> Self {
        Self::error(400, format!("Bad Request: {description}"))
    }

    pub(super) fn too_many_requests(seconds: u64) -> Self {
        Self::retry_after(429, &format!("Too Many Requests: retry after {seconds}"), seconds)
    }

    /// An error with the seconds to wait in the `Retry-After` header and in the body.
    pub(super) fn retry_after(code: u16, description: &str, seconds: u64) -> Self {
        let parameters = json!({"retry_after": seconds});
        let body = json!({"ok": false, "error_code": code, "description": description, "parameters": parameters});
        Self { retry_after: Some(seconds), ..Self::new(code, &body) }
    }

    /// What it says about an error, without the words that all have.
    pub(super) fn description(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["description"].as_str().unwrap_or_default().trim_start_matches("Bad Request: ").to_owned()
    }

    fn new(code: u16, body: &Value) -> Self {
        Self { code, body: ascii_json::encode(body).into(), retry_after: None }
    }
}

impl IntoResponse for ApiResponse {
    fn into_response(self) -> Response {
        let mut response = with_status(self.code, "application/json", self.body);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A response with a status that may be any number from 100 to 999.
pub(super) fn with_status(code: u16, content_type: &'static str, body: impl Into<Body>) -> Response {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, HeaderValue::from_static(content_type))], body.into()).into_response()
}
