//! The methods that write messages, and the errors with which Telegram refuses them.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use super::chats::find_chat;
use super::formatting::{FormattedText, read_caption, read_text};
use super::template::fill;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::bot;
use crate::sandbox::people::{bot_user, user};
use crate::sandbox::records::Message;
use crate::sandbox::state::State;
use crate::sandbox::state::conversations::Conversations;
use crate::telegram::{Params, check_button_url};

/// The fields that the parameters of every method that sends can add to the answer.
const EXTRAS: &str = r#"{"message_thread_id":"$message_thread_id","business_connection_id":"$business_connection_id",
    "effect_id":"$message_effect_id","link_preview_options":"$link_preview_options"}"#;

pub(super) fn send_text(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let FormattedText { text, entities } = read_text(call)?;
    let more = entities.map_or_else(|| json!({}), |entities| json!({"entities": entities}));
    write(state, call, text, None, &more)
}

/// Sends the content of a template. `label` says in the text of the record what it is.
pub(super) fn send_content(state: &mut State, call: &ApiCall<'_>, label: &str, template: &str) -> ApiResult {
    read_markup(call)?;
    let caption = read_caption(call)?;
    let content = content(state, call, template, &caption)?;
    write(state, call, placeholder(label, &caption.text), Some(content), &json!({}))
}

/// The content of a template and a caption.
pub(super) fn content(state: &mut State, call: &ApiCall<'_>, template: &str, caption: &FormattedText) -> ApiResult {
    let mut content = fill(state, call, template)?;
    set_caption(&mut content, caption);
    // Bots that do not know animations receive them as documents.
    if let Some(animation) = content.get("animation").cloned() {
        content["document"] = animation;
    }
    Ok(content)
}

/// Gives the content of a message this caption, or none if it is empty.
pub(super) fn set_caption(content: &mut Value, caption: &FormattedText) {
    let Some(fields) = content.as_object_mut() else { return };
    for (name, value) in [
        ("caption", Some(&caption.text).filter(|text| !text.is_empty()).map(|text| json!(text))),
        ("caption_entities", caption.entities.clone()),
    ] {
        match value {
            Some(value) => drop(fields.insert(name.to_owned(), value)),
            None => drop(fields.remove(name)),
        }
    }
}

/// Writes a message of the bot. The answer also has the fields `more`.
pub(super) fn write(
    state: &mut State,
    call: &ApiCall<'_>,
    text: String,
    content: Option<Value>,
    more: &Value,
) -> ApiResult {
    let buttons = read_markup(call)?;
    let chat = find_chat(state, call)?;
    if state.conversations.blocked.contains(&chat) {
        return Err(ApiResponse::error(403, "Forbidden: bot was blocked by the user"));
    }
    let reply_to = reply_to(state, call, chat)?;
    let mut more = more.clone();
    add_fields(&mut more, &fill(state, call, EXTRAS)?);
    let message = Message {
        at: call.now,
        chat,
        from: bot::NAME.to_owned(),
        bot: true,
        text,
        message_id: state.conversations.next_message_id(),
        update_id: None,
        buttons,
        content,
        more: more.as_object().is_some_and(|more| !more.is_empty()).then_some(more),
        reply_to,
        edits: Vec::new(),
    };
    let sent = with_reply(&state.conversations, &message);
    state.conversations.write(message);
    state.presence.wrote(chat);
    Ok(sent)
}

/// The message to which this one replies, if the sandbox knows it.
fn reply_to(state: &mut State, call: &ApiCall<'_>, chat: i64) -> Result<Option<i64>, ApiResponse> {
    let reply = call.params.json("reply_parameters").and_then(Result::ok).unwrap_or_default();
    let Some(id) = reply["message_id"].as_i64().or(call.params.integer("reply_to_message_id")) else { return Ok(None) };
    let may_be_missing = reply["allow_sending_without_reply"].as_bool().unwrap_or(!state.strict);
    match state.conversations.message(chat, id) {
        Some(_) => Ok(Some(id)),
        None if may_be_missing => Ok(None),
        None => Err(ApiResponse::bad_request("message to be replied not found")),
    }
}

/// A message as the Bot API shows it, with the message to which it replies.
pub(crate) fn with_reply(conversations: &Conversations, message: &Message) -> Value {
    let mut shown = to_json(conversations, message);
    if let Some(replied_to) = message.reply_to.and_then(|id| conversations.find(message.chat, id)) {
        shown["reply_to_message"] = to_json(conversations, replied_to);
    }
    shown
}

/// A message as the Bot API shows it, without the message to which it replies.
pub(crate) fn to_json(conversations: &Conversations, message: &Message) -> Value {
    let chat = conversations.chats.get(&message.chat);
    let mut shown = json!({"message_id": message.message_id, "chat": chat, "date": message.at.as_second()});
    if let Some(channel) = chat.filter(|chat| chat["type"] == "channel") {
        shown["sender_chat"] = channel.clone();
    } else {
        shown["from"] = if message.bot { bot_user() } else { json!(user(message.chat, &message.from)) };
    }
    if let Some(more) = &message.more {
        add_fields(&mut shown, more);
    }
    match &message.content {
        Some(content) => add_fields(&mut shown, content),
        None => shown["text"] = message.text.clone().into(),
    }
    if let Some(edit) = message.edits.last() {
        shown["edit_date"] = edit.at.as_second().into();
    }
    if let Some(buttons) = message.buttons.as_ref().filter(|buttons| buttons.get("inline_keyboard").is_some()) {
        shown["reply_markup"] = buttons.clone();
    }
    shown
}

/// Adds the fields of one object to another.
pub(super) fn add_fields(object: &mut Value, fields: &Value) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
}

/// The text of a message that has other content.
pub(crate) fn placeholder(label: &str, caption: &str) -> String {
    format!("[{label}] {caption}").trim_end().to_owned()
}

pub(super) fn message_id(call: &ApiCall<'_>) -> Result<i64, ApiResponse> {
    integer(call.params, "message_id", "message identifier is not specified")
}

pub(super) fn integer(params: &Params, name: &str, error: &str) -> Result<i64, ApiResponse> {
    params.integer(name).ok_or_else(|| ApiResponse::bad_request(error))
}

/// The integers in a list.
pub(super) fn integers(call: &ApiCall<'_>, name: &str) -> Vec<i64> {
    let list = call.params.json(name).and_then(Result::ok).unwrap_or_default();
    list.as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

pub(super) fn read_markup(call: &ApiCall<'_>) -> Result<Option<Value>, ApiResponse> {
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
