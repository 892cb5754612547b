//! What the bot learns about itself, chats and their members.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::bot;
use crate::sandbox::people::{bot_user, name_of};
use crate::sandbox::state::State;
use crate::sandbox::state::presses::PressAnswer;

/// The first name of a person of whom only the id is known.
pub(super) const SOMEONE: &str = "Someone";

/// The rights of an administrator, none of which is given.
pub(super) const NO_RIGHTS: &str = r#"{"is_anonymous":false,"can_manage_chat":false,"can_delete_messages":false,
    "can_manage_video_chats":false,"can_restrict_members":false,"can_promote_members":false,"can_change_info":false,
    "can_invite_users":false,"can_post_stories":false,"can_edit_stories":false,"can_delete_stories":false,
    "can_send_welcome_messages":false}"#;

/// The chat that `chat_id` names. A chat that never wrote is added, unless the sandbox is strict.
pub(super) fn find_chat(state: &mut State, call: &ApiCall<'_>) -> Result<i64, ApiResponse> {
    let id = call.params.text("chat_id").unwrap_or_default();
    let id = id.trim();
    if id.is_empty() {
        return Err(ApiResponse::bad_request("chat_id is empty"));
    }
    let chats = &mut state.conversations;
    if let Some(name) = id.strip_prefix('@').filter(|name| !state.strict && !name.is_empty()) {
        return Ok(chats.public_chat(name));
    }
    let is_known = |id: &i64| *id != 0 && (!state.strict || chats.chats.contains_key(id));
    let chat: i64 = id.parse().ok().filter(is_known).ok_or_else(|| ApiResponse::bad_request("chat not found"))?;
    chats.chat_or_insert(chat, name_of(chat));
    Ok(chat)
}

/// `getChat`.
pub(super) fn get(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    let mut chat = state.conversations.chats[&chat].clone();
    let gifts = ["unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"];
    chat["accepted_gift_types"] = gifts.iter().map(|kind| ((*kind).to_owned(), Value::from(false))).collect();
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    if let Some(permissions) = chat["id"].as_i64().and_then(|id| state.members.permissions(id)) {
        chat["permissions"] = permissions.clone();
    }
    Ok(chat)
}

/// `getMe`.
pub(super) fn me(_: &mut State, _: &ApiCall<'_>) -> Value {
    json!({
        "id": bot::id(), "is_bot": true, "first_name": bot::NAME, "username": bot::USERNAME,
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": true,
        "can_connect_to_business": false, "has_main_web_app": false,
    })
}

/// The user whom `user_id` names, or else the first one.
pub(super) fn user_of(state: &State, call: &ApiCall<'_>) -> Value {
    let id = call.params.integer("user_id").unwrap_or(1);
    if id == bot::id() {
        return bot_user();
    }
    let name = state.conversations.chats.get(&id).and_then(|chat| chat["first_name"].as_str());
    let name = name.unwrap_or_else(|| name_of(id));
    json!({"id": id, "is_bot": false, "first_name": name})
}

/// A query that the sandbox did not send may come from elsewhere, such as `doorbell ring`, and is accepted
/// unless the sandbox is strict.
pub(super) fn answer_callback_query(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let id = call.params.text("callback_query_id").unwrap_or_default();
    if state.callback_queries.is_open(&id, call.now).unwrap_or(!state.strict) {
        let text = call.params.text("text").unwrap_or_default().into_owned();
        state.presses.answer(&id, PressAnswer { text, is_alert: call.params.flag("show_alert") });
        return Ok(true.into());
    }
    Err(ApiResponse::bad_request("query is too old and response timeout expired or query ID is invalid"))
}
