//! The arguments and the result of the function of a method.

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::api_response::ApiResponse;
use crate::telegram::Params;

/// The time and parameters of a call.
pub(crate) struct ApiCall<'a> {
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Params,
}

/// The `result` of a call, or the error response.
pub(crate) type ApiResult = Result<Value, ApiResponse>;
