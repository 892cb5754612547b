//! Templates: JSON in which some texts stand for other values.
//!
//! `$name` is the value of a parameter, and is left out if it is not given; `$name|value` has a default.
//! `@name` is a value of the sandbox, such as `@now`. Any other text is itself.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use super::parameters::{Type, usual_type};
use super::{chats, media, rich};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::people::{bot_user, user};
use crate::sandbox::state::{State, conversations};

/// The content of a rich message.
pub(super) const RICH_MESSAGE: &str = r#"{"rich_message":{"blocks":"@blocks"}}"#;
const DAY: i64 = 86_400;

/// The value of a template for a call.
pub(crate) fn fill(state: &mut State, call: &ApiCall<'_>, template: &str) -> ApiResult {
    let template = serde_json::from_str(template).or(Err(ApiResponse::error(500, "Internal Server Error")))?;
    Ok(fill_value(state, call, &template)?.unwrap_or_default())
}

fn fill_value(state: &mut State, call: &ApiCall<'_>, template: &Value) -> Result<Option<Value>, ApiResponse> {
    match template {
        Value::Object(fields) => {
            let mut filled = serde_json::Map::new();
            for (name, value) in fields {
                if let Some(value) = fill_value(state, call, value)? {
                    filled.insert(name.clone(), value);
                }
            }
            Ok(Some(Value::Object(filled)))
        }
        Value::Array(items) => {
            let filled: Result<Vec<_>, _> = items.iter().map(|item| fill_value(state, call, item)).collect();
            Ok(Some(filled?.into_iter().flatten().collect()))
        }
        Value::String(text) => match (text.strip_prefix('$'), text.strip_prefix('@')) {
            (Some(name), _) => parameter(state, call, name),
            (_, Some(name)) => known(state, call, name),
            (None, None) => Ok(Some(template.clone())),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Some(template.clone())),
    }
}

fn parameter(state: &mut State, call: &ApiCall<'_>, name: &str) -> Result<Option<Value>, ApiResponse> {
    let (name, default) = name.split_once('|').map_or((name, None), |(name, default)| (name, Some(default)));
    let given = call.params.text(name).filter(|text| !text.is_empty());
    let Some(text) = given.as_deref().or(default) else { return Ok(None) };
    Ok(Some(match usual_type(name) {
        Type::Text | Type::Query => text.into(),
        Type::Number | Type::Chat | Type::User | Type::Message | Type::Json => {
            serde_json::from_str(text).unwrap_or_default()
        }
        Type::Flag => if given.is_some() { call.params.flag(name) } else { text == "true" }.into(),
        Type::File => return media::file(state, call, name, text).map(Some),
    }))
}

/// A value of the sandbox.
fn known(state: &mut State, call: &ApiCall<'_>, name: &str) -> Result<Option<Value>, ApiResponse> {
    Ok(Some(match name {
        "account" => conversations::chat(1, chats::SOMEONE),
        "blocks" => rich::blocks(call),
        "chat" => state.conversations.chat_or_insert(acting(call).0, &acting(call).1).clone(),
        "person" => json!(user(acting(call).0, &acting(call).1)),
        "bot" => bot_user(),
        "id" => rand::random_range(1_u64 << 60..1 << 62).to_string().into(),
        "message_id" => state.conversations.next_message_id().into(),
        "now" => call.now.as_second().into(),
        "options" => options(call),
        "paid_media" => media::paid(state, call)?,
        "tomorrow" => (call.now.as_second() + DAY).into(),
        "total" => list(call, "prices").iter().filter_map(|price| price["amount"].as_i64()).sum::<i64>().into(),
        "user" => chats::user_of(state, call),
        _ => return Ok(None),
    }))
}

/// The chat and the name of the person who acts.
fn acting(call: &ApiCall<'_>) -> (i64, String) {
    let name = call.params.text("from").map_or_else(|| chats::SOMEONE.to_owned(), Cow::into_owned);
    (call.params.integer("chat").unwrap_or(1), name)
}

/// The options of a poll, which are texts or objects.
fn options(call: &ApiCall<'_>) -> Value {
    let option = |(number, option): (usize, &Value)| {
        let text = option["text"].as_str().or(option.as_str()).unwrap_or_default();
        json!({"persistent_id": number.to_string(), "text": text, "voter_count": 0})
    };
    list(call, "options").iter().enumerate().map(option).collect()
}

fn list(call: &ApiCall<'_>, name: &str) -> Vec<Value> {
    match call.params.json(name) {
        Some(Ok(Value::Array(items))) => items,
        _ => Vec::new(),
    }
}
