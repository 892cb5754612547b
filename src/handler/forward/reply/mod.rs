//! Reads a Bot API method in the bot's answer to an update, as Telegram reads it, and makes a call of it.
//!
//! The answer is passed on byte for byte. Only two parameters are looked for: the method, and the chat for the rate limits.

mod json;
mod multipart;

use std::borrow::Cow;

use bytes::Bytes;
use serde_json::Value;
use url::form_urlencoded;

use crate::telegram::{Call, RawBody};

/// The largest answer with parameters in JSON or a form. Telegram has the same limit.
const PARAMETERS_LIMIT: usize = 1024 * 1024;
/// The largest answer with files. It is stored with the update if the call cannot be made at once.
const FILES_LIMIT: usize = 20 * 1024 * 1024;
/// A name that is longer is no method.
const LONGEST_METHOD: usize = 64;

/// The form of the parameters in an answer. Telegram ignores an answer in another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Urlencoded,
    Multipart,
}

impl Form {
    /// The form that a content type names. It only has to occur in it.
    pub(super) fn of(content_type: &str) -> Option<Self> {
        let content_type = content_type.to_ascii_lowercase();
        [
            ("multipart/form-data", Self::Multipart),
            ("application/x-www-form-urlencoded", Self::Urlencoded),
            ("application/json", Self::Json),
        ]
        .into_iter()
        .find_map(|(name, form)| content_type.contains(name).then_some(form))
    }

    /// The largest answer, in bytes.
    pub(super) fn limit(self) -> usize {
        match self {
            Self::Json | Self::Urlencoded => PARAMETERS_LIMIT,
            Self::Multipart => FILES_LIMIT,
        }
    }
}

/// The parameters that matter here. The first one of a name counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parameters {
    method: Option<String>,
    chat_id: Option<String>,
}

impl Parameters {
    /// The place for the value of this parameter, unless it matters not or has a value.
    fn slot(&mut self, name: &str) -> Option<&mut Option<String>> {
        let slot = match name {
            "method" => &mut self.method,
            "chat_id" => &mut self.chat_id,
            _ => return None,
        };
        slot.is_none().then_some(slot)
    }
}

/// The call in an answer; `None` if there is none, or only one that Telegram ignores in an answer.
pub(super) fn call(form: Form, content_type: &str, body: Bytes) -> Option<Call> {
    let parameters = match form {
        Form::Json => json::parameters(&body),
        Form::Urlencoded => urlencoded(&body),
        Form::Multipart => multipart::parameters(content_type, &body),
    };
    let method = parameters.method.filter(|method| is_obeyed(method))?;
    let call = Call::new(method).with_origin("the bot's answer");
    let call = match parameters.chat_id.filter(|chat| !chat.is_empty()) {
        Some(chat) => call.with("chat_id", chat.parse::<i64>().map_or(Value::String(chat), Value::from)),
        None => call,
    };
    Some(call.with_body(RawBody { content_type: content_type.to_owned(), bytes: body }))
}

/// Whether Telegram makes this call when it is the answer to an update. It ignores the others without an error, and so
/// does it with a name that no method can have.
fn is_obeyed(method: &str) -> bool {
    const IGNORED: [&str; 4] = ["setwebhook", "deletewebhook", "close", "logout"];
    let name = method.to_ascii_lowercase();
    let is_name =
        !name.is_empty() && name.len() <= LONGEST_METHOD && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name && !IGNORED.contains(&name.as_str()) && !name.starts_with("get")
}

fn urlencoded(body: &[u8]) -> Parameters {
    let mut parameters = Parameters::default();
    for (name, value) in form_urlencoded::parse(body) {
        if let Some(slot) = parameters.slot(&name) {
            *slot = Some(value.into_owned());
        }
    }
    parameters
}

/// Bytes as text. What is not UTF-8 is replaced, because only names and numbers are looked for.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(content_type: &str, body: &str) -> Option<Call> {
        call(Form::of(content_type)?, content_type, Bytes::from(body.to_owned()))
    }

    fn method(content_type: &str, body: &str) -> Option<String> {
        read(content_type, body).map(|call| call.method)
    }

    #[test]
    fn the_type_only_has_to_contain_one_of_three() {
        let body = r#"{"method":"sendMessage"}"#;
        for content_type in ["application/json", "Application/JSON; charset=utf-8", "text/plain, application/json"] {
            assert_eq!(method(content_type, body).as_deref(), Some("sendMessage"), "{content_type}");
        }
        for content_type in ["", "text/html", "application/problem+json", "application/jso"] {
            assert_eq!(method(content_type, body), None, "{content_type}");
        }
    }

    #[test]
    fn the_answer_is_kept_byte_for_byte_with_the_chat_for_the_rate_limits() {
        let body = r#" { "chat_id" : -100123 ,"text":"h\u00e9","method":"sendMessage" } "#;
        let call = read("application/json; charset=utf-8", body).unwrap();
        assert_eq!((call.method.as_str(), call.chat_id()), ("sendMessage", Some(-100_123)));
        let stored = serde_json::to_value(&call).unwrap();
        assert_eq!(stored["body"]["content_type"], "application/json; charset=utf-8");
        assert_eq!(serde_json::from_value::<Call>(stored).unwrap(), call);
        let named = read("application/x-www-form-urlencoded", "method=SendMessage&chat_id=%40news&text=a+b").unwrap();
        assert_eq!((named.method.as_str(), &named.params["chat_id"]), ("SendMessage", &json!("@news")));
        assert_eq!(read("application/json", r#"{"method":"leaveChat","chat_id":"77"}"#).unwrap().chat_id(), Some(77));
    }

    #[test]
    fn methods_that_telegram_ignores_in_an_answer_make_no_call() {
        for name in [
            "",
            "setWebhook",
            "SETWEBHOOK",
            "deleteWebhook",
            "close",
            "logOut",
            "LOGOUT",
            "getMe",
            "GetUpdates",
            "get",
            "getChat",
            "a b",
            "../sendMessage",
            "send/Message",
        ] {
            assert_eq!(method("application/json", &json!({ "method": name }).to_string()), None, "{name}");
            let form = form_urlencoded::Serializer::new(String::new()).append_pair("method", name).finish();
            assert_eq!(method("application/x-www-form-urlencoded", &form), None, "{name}");
        }
        assert_eq!(method("application/json", r#"{"method":"SENDMESSAGE"}"#).as_deref(), Some("SENDMESSAGE"));
        assert_eq!(method("application/json", r#"{"METHOD":"sendMessage"}"#), None, "the name of a parameter is exact");
    }

    #[test]
    fn the_first_parameter_of_a_name_counts() {
        assert_eq!(
            method("application/x-www-form-urlencoded", "method=sendDice&method=sendPhoto&%6Dethod=x").as_deref(),
            Some("sendDice")
        );
        assert_eq!(method("application/json", r#"{"method":"close","method":"sendDice"}"#), None);
    }

    #[test]
    fn an_answer_without_a_method_makes_no_call() {
        for body in ["", "{}", "null", "[]", "\"\"", "OK", "{\"ok\":true}", "true", "\u{0}"] {
            for content_type in
                ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
            {
                assert_eq!(method(content_type, body), None, "{content_type}: {body}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>, boundary in "[a-z\"=; ]{0,5}") {
            for content_type in [
                "application/json".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
                format!("multipart/form-data; boundary={boundary}"),
            ] {
                let form = Form::of(&content_type).unwrap();
                let _ = call(form, &content_type, Bytes::from(bytes.clone()));
            }
        }
    }
}
