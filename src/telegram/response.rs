//! Parses the responses of the Bot API.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ApiError;
use super::refusal;
use crate::update::lossy;

/// The response to a call that was carried out.
#[derive(Debug)]
pub(super) struct Success<T> {
    /// The result of the call.
    pub(super) result: Option<T>,
    /// Telegram's remark, such as "Webhook was set".
    pub(super) description: Option<String>,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct ResponseBody<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Clone, Copy, Deserialize)]
struct Parameters {
    retry_after: Option<f64>,
    migrate_to_chat_id: Option<i64>,
}

/// The wait when Telegram throttles without a time.
const DEFAULT_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The longest wait: Telegram itself keeps an update for 24 h.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(24);

/// Parses a response. `retry_after` is the header of that name.
///
/// # Errors
///
/// An [`ApiError`] for every response without `"ok":true`. Its text is Telegram's, and may still hold the token.
pub(super) fn parse<T: DeserializeOwned>(
    status: StatusCode,
    retry_after: Option<&str>,
    body: &[u8],
) -> Result<Success<T>, ApiError> {
    // The URL or the last error of a webhook can hold invalid UTF-8, which must not fail the call.
    let text = lossy(body);
    // serde would also accept an array in the order of the fields.
    let object = Some(&*text).filter(|text| text.trim_start().starts_with('{'));
    let Some(answer) = object.and_then(|object| serde_json::from_str::<ResponseBody<T>>(object).ok()) else {
        return Err(without_json(status, retry_after, "without the JSON of the Bot API"));
    };
    if answer.ok {
        return Ok(Success { result: answer.result, description: answer.description });
    }
    let said = answer.parameters.and_then(|parameters| parameters.retry_after);
    let migrate_to_chat_id = answer.parameters.and_then(|parameters| parameters.migrate_to_chat_id);
    let description = answer.description.unwrap_or_default();
    Err(match answer.error_code.unwrap_or(status.as_u16()) {
        429 => ApiError::Throttled {
            retry_after: wait(said.or_else(|| retry_after.and_then(|seconds| seconds.trim().parse().ok()))),
        },
        code @ 400..=499 => ApiError::Refused { code, description, migrate_to_chat_id },
        code @ 500..=599 => {
            ApiError::Unreachable { reason: format!("it answered {code} {}", refusal::masked(&description)) }
        }
        code => ApiError::Unreadable { reason: format!("it refused with the code {code}") },
    })
}

/// The error of a response with an unusable body. `flaw` says what is wrong with the body.
///
/// The Bot API always sends JSON. A response without it comes from a server in front of the Bot API, and the call was not
/// carried out. Only a success may be Telegram's own response that was damaged on the way.
pub(super) fn without_json(status: StatusCode, retry_after: Option<&str>, flaw: &str) -> ApiError {
    if status == StatusCode::TOO_MANY_REQUESTS {
        let seconds = retry_after.and_then(|seconds| seconds.trim().parse().ok());
        ApiError::Throttled { retry_after: wait(seconds) }
    } else if status.is_server_error() {
        ApiError::Unreachable { reason: format!("it answered HTTP {status}") }
    } else if status.is_redirection() {
        ApiError::Unreadable { reason: format!("HTTP {status}, a redirect, which is not followed") }
    } else if status.is_success() {
        ApiError::Unknown { reason: format!("HTTP {status} {flaw}") }
    } else {
        ApiError::Unreadable { reason: format!("HTTP {status} {flaw}") }
    }
}

fn wait(seconds: Option<f64>) -> Duration {
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds.clamp(0.0, LONGEST_RETRY_AFTER.as_secs_f64())).ok())
        .map_or(DEFAULT_RETRY_AFTER, |said| said.max(DEFAULT_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn error(status: u16, header: Option<&str>, body: &str) -> ApiError {
        parse::<Value>(StatusCode::from_u16(status).unwrap(), header, body.as_bytes()).unwrap_err()
    }

    fn waits(body: &str, header: Option<&str>) -> u64 {
        let ApiError::Throttled { retry_after } = error(429, header, body) else { panic!("not throttled: {body}") };
        retry_after.as_secs()
    }

    #[test]
    fn a_success_has_a_result_and_may_have_a_remark() {
        let done =
            parse::<Value>(StatusCode::OK, None, br#"{"ok":true,"result":{"id":7},"description":"Webhook was set"}"#)
                .unwrap();
        assert_eq!(done.result, Some(json!({"id": 7})));
        assert_eq!(done.description.as_deref(), Some("Webhook was set"));
    }

    #[test]
    fn a_response_with_invalid_utf8_is_parsed() {
        let done = parse::<Value>(StatusCode::OK, None, b"{\"ok\":true,\"result\":\"\xff\xc3(\"}").unwrap();
        assert!(done.result.is_some_and(|text| text.as_str().is_some_and(|text| text.ends_with('('))));
    }

    #[test]
    fn the_wait_is_in_the_body_or_else_in_the_header_or_else_one_second() {
        let said = |n: &str| format!(r#"{{"ok":false,"error_code":429,"parameters":{{"retry_after":{n}}}}}"#);
        assert_eq!(waits(&said("7"), Some("9")), 7);
        assert_eq!(waits(r#"{"ok":false,"error_code":429}"#, Some("9")), 9);
        assert_eq!(waits(r#"{"ok":false,"error_code":429}"#, None), 1);
        assert_eq!(waits("<html>", Some("Wed, 21 Oct 2026 07:28:00 GMT")), 1);
        assert_eq!(waits("<html>", Some("5")), 5);
        assert_eq!(waits(&said("0"), None), 1);
        assert_eq!(waits(&said("-3"), None), 1);
        assert_eq!(waits(&said("1e300"), None), 86_400);
    }

    #[test]
    fn a_refusal_has_telegrams_description_and_the_new_supergroup() {
        let body = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded",
            "parameters":{"migrate_to_chat_id":-1001234567890123}}"#;
        let refused = ApiError::Refused {
            code: 400,
            description: "Bad Request: group chat was upgraded".to_owned(),
            migrate_to_chat_id: Some(-1_001_234_567_890_123),
        };
        assert_eq!(error(400, None, body), refused);
    }

    #[test]
    fn a_server_error_is_unreachable_with_and_without_json() {
        let json = r#"{"ok":false,"error_code":500,"description":"Internal Server Error: restart"}"#;
        for (status, body) in [(500, json), (502, "<html>Bad Gateway</html>"), (504, "")] {
            assert!(matches!(error(status, None, body), ApiError::Unreachable { .. }), "{status}");
        }
    }

    #[test]
    fn a_success_that_cannot_be_parsed_is_unknown_and_its_body_is_not_repeated() {
        for body in [
            "",
            "<html>Log in to this network</html>",
            r#"{"ok":true,"result"#,
            r#"{"result":{}}"#,
            "[]",
            "[true,1,null,null,null]",
        ] {
            let error = error(200, None, body);
            assert!(matches!(&error, ApiError::Unknown { reason } if body.len() < 3 || !reason.contains(body)));
            assert!(error.to_string().contains("200"), "{error}");
        }
    }

    #[test]
    fn the_response_of_a_server_in_front_of_the_bot_api_is_unreadable_and_not_repeated() {
        for (status, body) in [(200, r#"{"ok":false}"#), (404, "page not found"), (302, "moved")] {
            let error = error(status, None, body);
            assert!(matches!(&error, ApiError::Unreadable { reason } if !reason.contains(body)));
            assert!(error.to_string().contains(&status.to_string()), "{error}");
        }
    }
}
