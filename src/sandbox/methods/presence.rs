//! What the bot shows for a short time: `sendChatAction`, `sendMessageDraft` and `sendRichMessageDraft`.

use super::call::{ApiCall, ApiResult};
use super::chats::find_chat;
use super::formatting::{self, FormattedText};
use super::rich;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;

/// The actions that Telegram knows.
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// `sendChatAction`.
pub(super) fn act(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = find_chat(state, call)?;
    let action = call.params.text("action").unwrap_or_default().to_ascii_lowercase();
    // The names of two actions have changed; Telegram accepts the old ones.
    let action = action.replace("_audio", "_voice");
    if !ACTIONS.contains(&action.as_str()) {
        return Err(ApiResponse::bad_request("wrong parameter action in request"));
    }
    state.presence.act(call.now, chat, &action);
    Ok(true.into())
}

/// `sendMessageDraft`.
pub(super) fn draft(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let read = formatting::read(call, "text", "entities")?;
    show(state, call, read)
}

/// `sendRichMessageDraft`.
pub(super) fn rich_draft(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let text = rich::lines(&rich::blocks(call)).join("\n");
    show(state, call, FormattedText { text, entities: None })
}

fn show(state: &mut State, call: &ApiCall<'_>, read: FormattedText) -> ApiResult {
    let chat = find_chat(state, call)?;
    let id = call.params.integer("draft_id").filter(|id| *id != 0);
    let id = id.ok_or_else(|| ApiResponse::bad_request("draft identifier must be non-zero"))?;
    state.presence.draft(call.now, chat, id, read.text, read.entities);
    Ok(true.into())
}
