use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// An error response of the gateway's own, in Telegram's form: libraries parse every answer as such.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    description: String,
}

impl Refusal {
    /// Creates a refusal. Like Telegram's, the description begins with the name of the status.
    pub(super) fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self { status, description: description.into() }
    }

    /// There is no such path.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found: the path of a call is /bot<token>/<method>")
    }

    /// There is no such method.
    pub(super) fn no_method() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found: method not found")
    }

    /// A parameter is not valid.
    pub(super) fn bad_request(why: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, format!("Bad Request: {why}"))
    }
}

/// The body of an error response, in Telegram's form.
pub(super) fn error_body(status: StatusCode, description: &str) -> String {
    json!({ "ok": false, "error_code": status.as_u16(), "description": description }).to_string()
}

/// The body of the responses that the protocol itself gives.
pub(super) fn protocol_error_body(status: StatusCode) -> String {
    let description = if status == StatusCode::URI_TOO_LONG {
        "Request-URI Too Long: send long parameters in the body of a POST request"
    } else if status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
        "Request Header Fields Too Large: send long parameters in the body of a POST request"
    } else {
        "Bad Request: this is not an HTTP/1.1 request"
    };
    error_body(status, description)
}

/// A response with this JSON.
pub(super) fn json_response(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_response(self.status, error_body(self.status, &self.description))
    }
}
