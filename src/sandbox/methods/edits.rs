//! The methods that edit and delete messages of the bot.

use serde_json::Value;

use super::call::{ApiCall, ApiResult};
use super::chats::find_chat;
use super::messages::{
    MAX_TEXT, content, integers, message_id, placeholder, read_caption, read_markup, required_text, to_json,
};
use super::template::RICH_MESSAGE;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::records::{Edit, Message};
use crate::sandbox::state::State;

/// The maximum number of edits that are kept of a message.
const MAX_EDITS: usize = 100;

pub(super) fn edit_text(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    if call.params.text("text").is_none() && call.params.text("rich_message").is_some() {
        return edit_content(state, call, "richmessage", RICH_MESSAGE);
    }
    let text = required_text(call)?;
    if text.encode_utf16().count() > MAX_TEXT {
        return Err(ApiResponse::bad_request("message is too long"));
    }
    edit(state, call, |message| {
        if message.content.is_some() {
            return Err(ApiResponse::bad_request("there is no text in the message to edit"));
        }
        Ok((text, None))
    })
}

pub(super) fn edit_caption(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let caption = read_caption(call)?;
    edit(state, call, |message| {
        let Some(mut content) = message.content.clone() else {
            return Err(ApiResponse::bad_request("there is no caption in the message to edit"));
        };
        content["caption"] = caption.as_str().into();
        let label = message.text.split(']').next().unwrap_or_default().trim_start_matches('[');
        Ok((placeholder(label, &caption), Some(content)))
    })
}

/// Gives the message the content of a template.
pub(super) fn edit_content(state: &mut State, call: &ApiCall<'_>, label: &str, template: &str) -> ApiResult {
    let caption = read_caption(call)?;
    let content = content(state, call, template, &caption)?;
    edit(state, call, |_| Ok((placeholder(label, &caption), Some(content))))
}

pub(super) fn edit_reply_markup(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let buttons = read_markup(call)?;
    let Some(message) = find_own_message(state, call)? else { return Ok(true.into()) };
    message.buttons = buttons;
    let message = message.clone();
    Ok(to_json(&state.conversations, &message))
}

/// Returns the message unchanged.
pub(super) fn show(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let Some(message) = find_own_message(state, call)?.cloned() else { return Ok(true.into()) };
    Ok(to_json(&state.conversations, &message))
}

/// Closes a poll and returns it.
pub(super) fn stop_poll(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let message = find_own_message(state, call)?;
    let poll = message.and_then(|message| message.content.as_mut()?.get_mut("poll"));
    let poll = poll.ok_or_else(|| ApiResponse::bad_request("message with poll to stop not found"))?;
    poll["is_closed"] = true.into();
    Ok(poll.clone())
}

pub(super) fn delete(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let (chat, id) = (find_chat(state, call)?, message_id(call)?);
    if state.conversations.message(chat, id).is_none() {
        return Err(ApiResponse::bad_request("message to delete not found"));
    }
    state.conversations.delete(id);
    Ok(true.into())
}

/// Deletes several messages. Those that do not exist are skipped.
pub(super) fn delete_all(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    for id in integers(call, "message_ids") {
        if state.conversations.message(chat, id).is_some() {
            state.conversations.delete(id);
        }
    }
    Ok(true.into())
}

/// Edits a message: `change` returns its new text and content.
fn edit(
    state: &mut State,
    call: &ApiCall<'_>,
    change: impl FnOnce(&Message) -> Result<(String, Option<Value>), ApiResponse>,
) -> ApiResult {
    let buttons = read_markup(call)?;
    let Some(message) = find_own_message(state, call)? else { return Ok(true.into()) };
    let (text, content) = change(message)?;
    if message.text == text && message.content == content && message.buttons == buttons {
        return Err(ApiResponse::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ));
    }
    if message.text != text || message.content != content {
        if message.edits.len() == MAX_EDITS {
            message.edits.remove(0);
        }
        let before = std::mem::replace(&mut message.text, text);
        message.edits.push(Edit { at: call.now, text: before });
    }
    message.content = content;
    message.buttons = buttons;
    let message = message.clone();
    Ok(to_json(&state.conversations, &message))
}

/// The message to edit, if it is one of the bot's; none if it was sent by inline mode, which keeps no messages.
fn find_own_message<'a>(state: &'a mut State, call: &ApiCall<'_>) -> Result<Option<&'a mut Message>, ApiResponse> {
    if call.params.text("inline_message_id").is_some_and(|id| !id.is_empty()) {
        return Ok(None);
    }
    let (chat, id) = (find_chat(state, call)?, message_id(call)?);
    let message = state.conversations.message(chat, id);
    let message = message.ok_or_else(|| ApiResponse::bad_request("message to edit not found"))?;
    if message.bot { Ok(Some(message)) } else { Err(ApiResponse::bad_request("message can't be edited")) }
}
