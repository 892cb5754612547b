//! The methods that write, edit and delete messages, and the errors with which Telegram refuses them.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::bot;
use crate::sandbox::params::Params;
use crate::sandbox::records::{Edit, Message};
use crate::sandbox::state::State;
use crate::sandbox::state::conversations::Conversations;
use crate::telegram::{check_button_url, markup};

/// The longest text and the longest caption, in UTF-16 units.
const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;
/// The maximum number of edits that are kept of a message.
const MAX_EDITS: usize = 100;

/// The chat that `chat_id` names. A chat that never wrote is added, unless the sandbox is strict.
pub(crate) fn find_chat(state: &mut State, call: &ApiCall<'_>) -> Result<i64, ApiResponse> {
    let id = call.params.text("chat_id").unwrap_or_default();
    if id.trim().is_empty() {
        return Err(ApiResponse::bad_request("chat_id is empty"));
    }
    let chats = &mut state.conversations;
    let is_known = |id: &i64| *id != 0 && (!state.strict || chats.chats.contains_key(id));
    let chat: i64 =
        id.trim().parse().ok().filter(is_known).ok_or_else(|| ApiResponse::bad_request("chat not found"))?;
    chats.chat_or_insert(chat, "Someone");
    Ok(chat)
}

pub(crate) fn send_text(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let text = required_text(call)?;
    send(state, call, text, Some((MAX_TEXT, "message is too long")))
}

pub(crate) fn send_media(state: &mut State, call: &ApiCall<'_>, media: &str) -> ApiResult {
    let text = placeholder(media, &read_text(call, "caption")?);
    send(state, call, text, Some((MAX_CAPTION, "message caption is too long")))
}

/// Forwards the text of a message.
pub(crate) fn forward(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let from = integer(call.params, "from_chat_id", "chat_id is empty")?;
    let text = state.conversations.message(from, message_id(call)?).map(|message| message.text.clone());
    send(state, call, text.ok_or_else(|| ApiResponse::bad_request("message to forward not found"))?, None)
}

pub(crate) fn copy(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    forward(state, call).map(|sent| json!({"message_id": sent["message_id"]}))
}

/// Writes one message for each of the media.
pub(crate) fn send_media_group(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let Some(Ok(Value::Array(media))) = call.params.json("media") else {
        return Err(ApiResponse::bad_request("can't parse media JSON object"));
    };
    let send_one = |media: &Value| {
        let field = |name: &str| media[name].as_str().unwrap_or_default();
        send(state, call, placeholder(field("type"), field("caption")), None)
    };
    media.iter().map(send_one).collect()
}

pub(crate) fn edit_text(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let text = required_text(call)?;
    edit(state, call, text)
}

pub(crate) fn edit_caption(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let text = read_text(call, "caption")?;
    edit(state, call, text)
}

pub(crate) fn edit_reply_markup(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let buttons = read_markup(call)?;
    let message = find_own_message(state, call)?;
    message.buttons = buttons;
    let message = message.clone();
    Ok(to_json(&state.conversations, &message))
}

pub(crate) fn delete(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, id) = (find_chat(state, call)?, message_id(call)?);
    if state.conversations.message(chat, id).is_none() {
        return Err(ApiResponse::bad_request("message to delete not found"));
    }
    state.conversations.delete(id);
    Ok(true.into())
}

/// Writes a message of the bot. `limit` is the maximum length of the text and the error for a longer one.
fn send(state: &mut State, call: &ApiCall<'_>, text: String, limit: Option<(usize, &str)>) -> ApiResult {
    let buttons = read_markup(call)?;
    let chat = find_chat(state, call)?;
    if let Some((_, error)) = limit.filter(|(max, _)| text.encode_utf16().count() > *max) {
        return Err(ApiResponse::bad_request(error));
    }
    let message = Message {
        at: call.now,
        chat,
        from: bot::NAME.to_owned(),
        bot: true,
        text,
        message_id: state.conversations.next_message_id(),
        update_id: None,
        buttons,
        edits: Vec::new(),
    };
    let sent = to_json(&state.conversations, &message);
    state.conversations.write(message);
    Ok(sent)
}

fn edit(state: &mut State, call: &ApiCall<'_>, text: String) -> ApiResult {
    let buttons = read_markup(call)?;
    if text.encode_utf16().count() > MAX_TEXT {
        return Err(ApiResponse::bad_request("message is too long"));
    }
    let message = find_own_message(state, call)?;
    let has_new_text = message.text != text;
    if !has_new_text && message.buttons == buttons {
        return Err(ApiResponse::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ));
    }
    if has_new_text {
        if message.edits.len() == MAX_EDITS {
            message.edits.remove(0);
        }
        let before = std::mem::replace(&mut message.text, text);
        message.edits.push(Edit { at: call.now, text: before });
    }
    message.buttons = buttons;
    let message = message.clone();
    Ok(to_json(&state.conversations, &message))
}

/// The message to edit, if it is one of the bot's.
fn find_own_message<'a>(state: &'a mut State, call: &ApiCall<'_>) -> Result<&'a mut Message, ApiResponse> {
    let (chat, id) = (find_chat(state, call)?, message_id(call)?);
    let message = state.conversations.message(chat, id);
    let message = message.ok_or_else(|| ApiResponse::bad_request("message to edit not found"))?;
    if message.bot { Ok(message) } else { Err(ApiResponse::bad_request("message can't be edited")) }
}

/// The bot's message as the Bot API shows it.
fn to_json(conversations: &Conversations, message: &Message) -> Value {
    let mut sent = json!({
        "message_id": message.message_id,
        "from": {"id": bot::id(), "is_bot": true, "first_name": bot::NAME, "username": bot::USERNAME},
        "chat": conversations.chats.get(&message.chat),
        "date": message.at.as_second(),
        "text": message.text,
    });
    if let Some(edit) = message.edits.last() {
        sent["edit_date"] = json!(edit.at.as_second());
    }
    if let Some(buttons) = message.buttons.as_ref().filter(|buttons| buttons.get("inline_keyboard").is_some()) {
        sent["reply_markup"] = buttons.clone();
    }
    sent
}

/// The text of a message that has media.
fn placeholder(media: &str, caption: &str) -> String {
    format!("[{media}] {caption}").trim_end().to_owned()
}

fn required_text(call: &ApiCall<'_>) -> Result<String, ApiResponse> {
    let text = read_text(call, "text")?;
    if text.is_empty() { Err(ApiResponse::bad_request("message text is empty")) } else { Ok(text) }
}

/// The text that users see: without the markup of its parse mode.
fn read_text(call: &ApiCall<'_>, name: &str) -> Result<String, ApiResponse> {
    let text = call.params.text(name).unwrap_or_default();
    let mode = call.params.text("parse_mode").unwrap_or_default();
    let text = markup::visible_text(&mode, &text).map_err(|problem| ApiResponse::bad_request(&problem))?;
    Ok(text.trim().to_owned())
}

fn message_id(call: &ApiCall<'_>) -> Result<i64, ApiResponse> {
    integer(call.params, "message_id", "message identifier is not specified")
}

fn integer(params: &Params, name: &str, error: &str) -> Result<i64, ApiResponse> {
    params.integer(name).ok_or_else(|| ApiResponse::bad_request(error))
}

fn read_markup(call: &ApiCall<'_>) -> Result<Option<Value>, ApiResponse> {
    match call.params.json("reply_markup") {
        None => Ok(None),
        Some(Ok(markup)) if markup.is_object() => check_buttons(&markup).map(|()| Some(markup)),
        Some(Ok(_)) => Err(ApiResponse::bad_request("object expected as reply markup")),
        Some(Err(_)) => Err(ApiResponse::bad_request("can't parse reply keyboard markup JSON object")),
    }
}

/// Refuses buttons that Telegram does not accept.
fn check_buttons(markup: &Value) -> Result<(), ApiResponse> {
    let rows = markup["inline_keyboard"].as_array().into_iter().flatten();
    for button in rows.flat_map(|row| row.as_array().into_iter().flatten()) {
        if let Some(url) = button["url"].as_str() {
            check_button_url(url).map_err(|problem| {
                ApiResponse::bad_request(&format!("inline keyboard button URL '{url}' is invalid: {problem}"))
            })?;
        }
        if button["callback_data"].as_str().is_some_and(|data| !(1..=64).contains(&data.len())) {
            return Err(ApiResponse::bad_request("BUTTON_DATA_INVALID"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
