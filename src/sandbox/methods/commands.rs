//! The bot's command menu: `setMyCommands`, `getMyCommands` and `deleteMyCommands`.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;

pub(crate) fn set(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let Some(Ok(Value::Array(commands))) = call.params.json("commands") else {
        return Err(ApiResponse::bad_request("can't parse commands JSON object"));
    };
    if !commands.iter().all(has_valid_name) {
        return Err(ApiResponse::bad_request("BOT_COMMAND_INVALID"));
    }
    if commands.iter().any(|command| command["description"].as_str().is_none_or(str::is_empty)) {
        return Err(ApiResponse::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    if commands.len() > 100 {
        return Err(ApiResponse::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    state.commands.insert(scope(call), Value::Array(commands));
    Ok(true.into())
}

pub(crate) fn get(state: &mut State, call: &ApiCall<'_>) -> Value {
    state.commands.get(&scope(call)).cloned().unwrap_or_else(|| json!([]))
}

pub(crate) fn delete(state: &mut State, call: &ApiCall<'_>) -> Value {
    state.commands.remove(&scope(call));
    true.into()
}

/// The commands of the menu in a chat, with their descriptions: those of its narrowest scope that has any.
pub(crate) fn menu(state: &State, chat: i64) -> impl Iterator<Item = (&str, &str)> {
    let kind = if chat > 0 { "all_private_chats" } else { "all_group_chats" };
    let scopes = [json!({"type": "chat", "chat_id": chat}), json!({"type": kind}), json!({"type": "default"})];
    let keys = scopes.iter().flat_map(|scope| ["en", ""].map(|language| format!("{scope} {language}")));
    let commands = keys.filter_map(|key| state.commands.get(&key)?.as_array()).find(|commands| !commands.is_empty());
    commands.into_iter().flatten().map(|command| {
        let name = command["command"].as_str().unwrap_or_default();
        (name.trim_start_matches('/'), command["description"].as_str().unwrap_or_default())
    })
}

fn has_valid_name(command: &Value) -> bool {
    let name = command["command"].as_str().unwrap_or_default();
    let name = name.strip_prefix('/').unwrap_or(name);
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=32).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The key of a command menu: each scope and language has its own.
fn scope(call: &ApiCall<'_>) -> String {
    let scope = call.params.json("scope").and_then(Result::ok).unwrap_or_else(|| json!({"type": "default"}));
    format!("{scope} {}", call.params.text("language_code").unwrap_or_default())
}
