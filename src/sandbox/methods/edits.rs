//! The methods that edit and delete messages of the bot.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use super::chats::find_chat;
use super::formatting::{FormattedText, read_caption, read_text};
use super::messages::{content, integers, message_id, placeholder, read_markup, set_caption, to_json};
use super::template::RICH_MESSAGE;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::records::Message;
use crate::sandbox::state::State;

pub(super) fn edit_text(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    if call.params.text("text").is_none() && call.params.text("rich_message").is_some() {
        return edit_content(state, call, "richmessage", RICH_MESSAGE);
    }
    let FormattedText { text, entities } = read_text(call)?;
    edit(state, call, |message| {
        if message.content.is_some() {
            return Err(ApiResponse::bad_request("there is no text in the message to edit"));
        }
        let mut more = message.more.clone().unwrap_or_else(|| json!({}));
        match (entities, more.as_object_mut()) {
            (Some(entities), _) => more["entities"] = entities,
            (None, Some(fields)) => drop(fields.remove("entities")),
            (None, None) => {}
        }
        Ok(NewContent {
            text,
            content: None,
            more: Some(more).filter(|more| more.as_object().is_some_and(|it| !it.is_empty())),
        })
    })
}

pub(super) fn edit_caption(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let caption = read_caption(call)?;
    edit(state, call, |message| {
        let Some(mut content) = message.content.clone() else {
            return Err(ApiResponse::bad_request("there is no caption in the message to edit"));
        };
        set_caption(&mut content, &caption);
        let label = message.text.split(']').next().unwrap_or_default().trim_start_matches('[');
        Ok(NewContent { text: placeholder(label, &caption.text), content: Some(content), more: message.more.clone() })
    })
}

/// Gives the message the content of a template.
pub(super) fn edit_content(state: &mut State, call: &ApiCall<'_>, label: &str, template: &str) -> ApiResult {
    let caption = read_caption(call)?;
    let content = content(state, call, template, &caption)?;
    let text = placeholder(label, &caption.text);
    edit(state, call, |message| Ok(NewContent { text, content: Some(content), more: message.more.clone() }))
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

/// What an edit gives a message.
struct NewContent {
    text: String,
    content: Option<Value>,
    more: Option<Value>,
}

/// Edits a message: `change` returns its new text and content.
fn edit(
    state: &mut State,
    call: &ApiCall<'_>,
    change: impl FnOnce(&Message) -> Result<NewContent, ApiResponse>,
) -> ApiResult {
    let buttons = read_markup(call)?;
    let Some(message) = find_own_message(state, call)? else { return Ok(true.into()) };
    let NewContent { text, content, more } = change(message)?;
    let is_same = message.text == text && message.content == content && message.more == more;
    if is_same && message.buttons == buttons {
        return Err(ApiResponse::bad_request(
            "message is not modified: specified new message content and reply markup are exactly the same as a \
             current content and reply markup of the message",
        ));
    }
    if !is_same {
        message.edited(call.now, text);
    }
    message.content = content;
    message.more = more;
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
