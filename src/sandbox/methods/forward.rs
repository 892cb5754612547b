//! The methods that forward and copy messages.

use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use super::formatting::read_caption;
use super::messages::{integer, integers, message_id, placeholder, set_caption, to_json, write};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::entities::detect;
use crate::sandbox::records::Message;
use crate::sandbox::state::State;

pub(super) fn forward(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let message = source(state, call, message_id(call)?);
    let message = message?.ok_or_else(|| ApiResponse::bad_request("message to forward not found"))?;
    forward_one(state, call, message)
}

/// Copies a message, with a new caption if one is given.
pub(super) fn copy(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let message = source(state, call, message_id(call)?);
    let mut message = message?.ok_or_else(|| ApiResponse::bad_request("message to copy not found"))?;
    if let (Some(content), Some(_)) = (message.content.as_mut(), call.params.text("caption")) {
        let caption = read_caption(call)?;
        let label = message.text.split(']').next().unwrap_or_default().trim_start_matches('[');
        message.text = placeholder(label, &caption.text);
        set_caption(content, &caption);
    }
    copy_one(state, call, message)
}

/// Forwards several messages. Those that do not exist are skipped.
pub(super) fn forward_all(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let messages = sources(state, call)?;
    let forward = |message| forward_one(state, call, message).map(|sent| json!({"message_id": sent["message_id"]}));
    messages.into_iter().map(forward).collect()
}

/// Copies several messages. Those that do not exist are skipped.
pub(super) fn copy_all(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let messages = sources(state, call)?;
    messages.into_iter().map(|message| copy_one(state, call, message)).collect()
}

fn forward_one(state: &mut State, call: &ApiCall<'_>, message: Message) -> ApiResult {
    let shown = to_json(&state.conversations, &message);
    let origin = json!({"type": "user", "sender_user": shown["from"], "date": shown["date"]});
    let mut more = kept(&message);
    more["forward_origin"] = origin;
    write(state, call, message.text, message.content, &more)
}

/// The fields that a forward and a copy have from their message.
fn kept(message: &Message) -> Value {
    let entities = message.more.as_ref().and_then(|more| more.get("entities"));
    let detected = || json!(detect(&message.text));
    json!({"entities": entities.cloned().or_else(|| (!message.bot && message.content.is_none()).then(detected))})
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.as_array().is_some_and(|entities| !entities.is_empty()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn copy_one(state: &mut State, call: &ApiCall<'_>, message: Message) -> ApiResult {
    let more = kept(&message);
    let sent = write(state, call, message.text, message.content, &more)?;
    Ok(json!({"message_id": sent["message_id"]}))
}

fn sources(state: &mut State, call: &ApiCall<'_>) -> Result<Vec<Message>, ApiResponse> {
    let messages = integers(call, "message_ids").into_iter().map(|id| source(state, call, id));
    Ok(messages.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// The message with this id in the chat from which it is taken.
fn source(state: &mut State, call: &ApiCall<'_>, id: i64) -> Result<Option<Message>, ApiResponse> {
    let from = integer(call.params, "from_chat_id", "chat not found")?;
    Ok(state.conversations.message(from, id).cloned())
}
