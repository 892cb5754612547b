use std::error::Error;
use std::time::Duration;

use axum::body::{self, Body};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::LengthLimitError;

use super::refusal::Refusal;
use crate::clock::Clock;

/// How long the body of a call may take that the gateway answers itself.
const LONGEST: Duration = Duration::from_secs(10);

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
///
/// The response to a body that is too large, too slow or broken.
pub(super) async fn read(body: Body, limit: usize, clock: &dyn Clock) -> Result<Bytes, Refusal> {
    tokio::select! {
        read = body::to_bytes(body, limit) => read.map_err(|error| {
            if let Some(true) = error.source().map(<dyn Error>::is::<LengthLimitError>) {
                let description = format!("Request Entity Too Large: this method takes at most {limit} bytes");
                return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, description);
            }
            Refusal::bad_request("the body broke off")
        }),
        () = clock.sleep(LONGEST) => {
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "Request Timeout: the body did not arrive within 10 s"))
        }
    }
}
