//! The members of chats: bans, rights and permissions.

use serde_json::{Map, Value, json};

use super::call::{ApiCall, ApiResult};
use super::chats::{NO_RIGHTS, find_chat, user_of};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::bot;
use crate::sandbox::people::{bot_user, name_of};
use crate::sandbox::state::State;

/// What members of a group may do, unless the bot forbids it.
const PERMISSIONS: [&str; 14] = [
    "can_send_messages",
    "can_send_audios",
    "can_send_documents",
    "can_send_photos",
    "can_send_videos",
    "can_send_video_notes",
    "can_send_voice_notes",
    "can_send_polls",
    "can_send_other_messages",
    "can_add_web_page_previews",
    "can_change_info",
    "can_invite_users",
    "can_pin_messages",
    "can_manage_topics",
];

/// `getChatMember`. Everybody is a member whose status the bot has not changed, and the bot is an administrator.
pub(super) fn get(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    let user = user_of(state, call);
    let fields = match user["id"].as_i64() {
        Some(id) if id == bot::id() => all_rights(),
        id => state.members.get(chat, id.unwrap_or_default()),
    };
    Ok(member(fields, user))
}

/// `getChatAdministrators`: the owner, whom the sandbox makes up, the bot, and those whom the bot has promoted.
pub(super) fn administrators(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    if chat > 0 {
        return Err(ApiResponse::bad_request("there are no administrators in the private chat"));
    }
    let owner = json!({"status": "creator", "user": user_of(state, call), "is_anonymous": false});
    let promoted = state.members.administrators(chat).into_iter();
    let promoted = promoted.map(|(id, fields)| member(fields, named(state, id)));
    Ok([owner, member(all_rights(), bot_user())].into_iter().chain(promoted).collect())
}

/// `banChatMember`.
pub(super) fn ban(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, user) = subject(state, call, "can't ban members in private chats")?;
    let until = call.params.integer("until_date").unwrap_or(0);
    state.members.set(chat, user, "kicked", Map::from_iter([("until_date".to_owned(), json!(until))]));
    Ok(true.into())
}

/// `unbanChatMember`. A user who was not banned leaves, unless `only_if_banned` is set.
pub(super) fn unban(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, user) = subject(state, call, "method is available for supergroup and channel chats only")?;
    if state.members.status(chat, user) == "kicked" || !call.params.flag("only_if_banned") {
        state.members.set(chat, user, "left", Map::new());
    }
    Ok(true.into())
}

/// `promoteChatMember`. Without a right, an administrator becomes a member again.
pub(super) fn promote(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, user) = subject(state, call, "chat member status can't be changed in private chats")?;
    let mut fields: Map<String, Value> = serde_json::from_str(NO_RIGHTS).unwrap_or_default();
    for (name, right) in &mut fields {
        *right = call.params.flag(name).into();
    }
    // Telegram names these only where a member has them.
    for name in ["can_post_messages", "can_edit_messages", "can_pin_messages", "can_manage_topics"] {
        if call.params.flag(name) {
            fields.insert(name.to_owned(), true.into());
        }
    }
    if fields.values().all(|right| *right == false) {
        state.members.reset(chat, user);
    } else {
        fields.insert("can_be_edited".to_owned(), true.into());
        state.members.set(chat, user, "administrator", fields);
    }
    Ok(true.into())
}

/// `restrictChatMember`. With all permissions, the user is an ordinary member again.
pub(super) fn restrict(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, user) = subject(state, call, "chat member status can't be changed in private chats")?;
    let given = permissions(call);
    if given.as_object().is_some_and(|given| given.values().all(|may| *may == true)) {
        state.members.reset(chat, user);
    } else {
        let mut fields = given.as_object().cloned().unwrap_or_default();
        fields.insert("is_member".to_owned(), true.into());
        fields.insert("until_date".to_owned(), call.params.integer("until_date").unwrap_or(0).into());
        state.members.set(chat, user, "restricted", fields);
    }
    Ok(true.into())
}

/// `setChatPermissions`.
pub(super) fn set_permissions(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    if chat > 0 {
        return Err(ApiResponse::bad_request("can't change private chat permissions"));
    }
    let given = permissions(call);
    state.members.set_permissions(chat, given);
    Ok(true.into())
}

/// The `ChatPermissions` of a call. One that is not named is not given.
fn permissions(call: &ApiCall<'_>) -> Value {
    let given = call.params.json("permissions").and_then(Result::ok).unwrap_or_default();
    PERMISSIONS.iter().map(|name| ((*name).to_owned(), Value::from(given[*name] == true))).collect()
}

/// The group and the user whose status is changed.
fn subject(state: &mut State, call: &ApiCall<'_>, in_private: &str) -> Result<(i64, i64), ApiResponse> {
    let chat = find_chat(state, call)?;
    let user = call.params.integer("user_id").unwrap_or_default();
    if chat > 0 {
        return Err(ApiResponse::bad_request(in_private));
    }
    if user == bot::id() {
        return Err(ApiResponse::bad_request("can't restrict self"));
    }
    Ok((chat, user))
}

fn all_rights() -> Map<String, Value> {
    let mut fields: Map<String, Value> = serde_json::from_str(NO_RIGHTS).unwrap_or_default();
    for (name, right) in &mut fields {
        *right = (name != "is_anonymous").into();
    }
    fields.insert("status".to_owned(), "administrator".into());
    fields.insert("can_be_edited".to_owned(), false.into());
    fields
}

fn member(mut fields: Map<String, Value>, user: Value) -> Value {
    fields.insert("user".to_owned(), user);
    Value::Object(fields)
}

fn named(state: &State, id: i64) -> Value {
    let name = state.conversations.chats.get(&id).and_then(|chat| chat["first_name"].as_str());
    json!({"id": id, "is_bot": false, "first_name": name.unwrap_or_else(|| name_of(id))})
}
