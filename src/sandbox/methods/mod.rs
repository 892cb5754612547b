//! The methods of the Bot API: tables of their names, and the functions behind them. To add a method, add a row.

pub(crate) mod updates;
pub(crate) mod webhook;

mod call;
mod commands;
mod messages;

use Method::{Accept, DeleteWebhook, GetUpdates, Run, RunInfallible, SendMedia, SetWebhook};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::api_response::ApiResponse;
use super::bot;
use super::params::Params;
use super::records::ReceivedCall;
use super::state::State;
use call::{ApiCall, ApiResult};

/// What a method does.
#[derive(Clone, Copy)]
pub(crate) enum Method {
    /// Runs this function.
    Run(fn(&mut State, &ApiCall<'_>) -> ApiResult),
    /// Runs this function, which cannot fail.
    RunInfallible(fn(&mut State, &ApiCall<'_>) -> Value),
    /// Writes a message with the text `[media] caption`.
    SendMedia(&'static str),
    /// Returns `true` and does nothing else.
    Accept,
    /// Removes the webhook.
    DeleteWebhook,
    /// Sets a webhook. This may wait for a name server: [`webhook`].
    SetWebhook,
    /// Returns updates. This may wait for them: [`updates`].
    GetUpdates,
}

/// The methods with a behaviour of their own.
const METHODS: &[(&str, Method)] = &[
    ("answerCallbackQuery", Run(answer_callback_query)),
    ("copyMessage", Run(messages::copy)),
    ("deleteMessage", Run(messages::delete)),
    ("deleteMyCommands", RunInfallible(commands::delete)),
    ("deleteWebhook", DeleteWebhook),
    ("editMessageCaption", Run(messages::edit_caption)),
    ("editMessageReplyMarkup", Run(messages::edit_reply_markup)),
    ("editMessageText", Run(messages::edit_text)),
    ("forwardMessage", Run(messages::forward)),
    ("getChat", Run(get_chat)),
    ("getMe", RunInfallible(get_me)),
    ("getMyCommands", RunInfallible(commands::get)),
    ("getUpdates", GetUpdates),
    ("getWebhookInfo", RunInfallible(webhook::info)),
    ("sendChatAction", Run(send_chat_action)),
    ("sendMediaGroup", Run(messages::send_media_group)),
    ("sendMessage", Run(messages::send_text)),
    ("setMyCommands", Run(commands::set)),
    ("setWebhook", SetWebhook),
];

/// The methods that only return `true`.
const ACCEPTED: &str = "answerInlineQuery answerPreCheckoutQuery answerShippingQuery answerWebAppQuery \
    approveChatJoinRequest banChatMember banChatSenderChat close closeForumTopic declineChatJoinRequest \
    deleteChatPhoto leaveChat logOut pinChatMessage promoteChatMember reopenForumTopic restrictChatMember \
    setChatDescription setChatMenuButton setChatPermissions setChatPhoto setChatStickerSet setChatTitle \
    setMessageReaction setMyDefaultAdministratorRights setMyDescription setMyName setMyShortDescription \
    setPassportDataErrors unbanChatMember unpinAllChatMessages unpinChatMessage verifyUser";

/// The media that have a method `send<media>`.
const MEDIA: &str = "animation audio checklist contact dice document game invoice location paidmedia photo poll sticker \
    venue video videonote voice";

/// The method with this name in any case, if the sandbox has it.
pub(crate) fn find(name: &str) -> Option<Method> {
    if let Some((_, method)) = METHODS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Some(*method);
    }
    if ACCEPTED.split(' ').any(|known| known.eq_ignore_ascii_case(name)) {
        return Some(Accept);
    }
    let (verb, rest) = name.split_at_checked(4)?;
    let media = MEDIA.split(' ').find(|media| media.eq_ignore_ascii_case(rest))?;
    verb.eq_ignore_ascii_case("send").then_some(SendMedia(media))
}

/// Executes a call of a method that does not wait.
pub(crate) fn execute(state: &mut State, now: Timestamp, method: &str, params: &Params) -> ApiResponse {
    let call = ApiCall { now, params };
    let result = match find(method) {
        Some(Run(run)) => run(state, &call),
        Some(RunInfallible(run)) => Ok(run(state, &call)),
        Some(SendMedia(media)) => messages::send_media(state, &call, media),
        Some(Accept) => Ok(true.into()),
        Some(DeleteWebhook) => return webhook::delete(state, params),
        Some(SetWebhook | GetUpdates) | None => Err(ApiResponse::error(404, "Not Found: method not found")),
    };
    result.map_or_else(|error| error, ApiResponse::ok)
}

/// Executes and records a call that the webhook's response contains. Telegram does not report its result.
pub(crate) fn execute_from_webhook(state: &mut State, now: Timestamp, mut params: Params) {
    let Some(Value::String(method)) = params.0.remove("method") else { return };
    let name = method.to_ascii_lowercase();
    let ignored = matches!(name.as_str(), "" | "deletewebhook" | "setwebhook" | "close" | "logout");
    if ignored || name.starts_with("get") {
        return;
    }
    let mut call = ReceivedCall::new(now, &method, &params, true);
    call.code = Some(execute(state, now, &name, &params).code);
    state.calls.push(call);
}

fn get_me(_: &mut State, _: &ApiCall<'_>) -> Value {
    json!({
        "id": bot::id(), "is_bot": true, "first_name": bot::NAME, "username": bot::USERNAME,
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": true,
        "can_connect_to_business": false, "has_main_web_app": false,
    })
}

fn get_chat(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let chat = messages::find_chat(state, call)?;
    Ok(state.conversations.chats[&chat].clone())
}

fn send_chat_action(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    messages::find_chat(state, call).map(|_| true.into())
}

/// A query that the sandbox did not send may come from elsewhere, such as `doorbell ring`, and is accepted
/// unless the sandbox is strict.
fn answer_callback_query(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let id = call.params.text("callback_query_id").unwrap_or_default();
    if state.callback_queries.is_open(&id, call.now).unwrap_or(!state.strict && !id.is_empty()) {
        return Ok(true.into());
    }
    Err(ApiResponse::bad_request("query is too old and response timeout expired or query ID is invalid"))
}

#[cfg(test)]
mod tests;
