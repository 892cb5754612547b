//! The parameters of the methods: how the table writes them, their types, and the errors for those that are
//! missing or too long.
//!
//! The table lists them in the order in which they are checked: `name`, or `?name` if it is optional, then
//! `:type` if it is not the usual type of the name, then `<=limit`.

use super::call::ApiCall;
use super::chats::find_chat;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;
use crate::telegram::Params;

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Number,
    Flag,
    /// The id of a chat, or the name of a public one with `@`.
    Chat,
    User,
    Message,
    /// The id of a query that waits for an answer.
    Query,
    /// An uploaded file, the id of a file, or a URL.
    File,
    /// An object or an array.
    Json,
}

use Type::{Chat, File, Flag, Json, Message, Number, Query, Text, User};

/// The names that usually have a type other than text.
const TYPES: &[(Type, &str)] = &[
    (Chat, "chat_id from_chat_id"),
    (User, "user_id receiver_user_id sender_chat_id"),
    (Message, "message_id message_ids"),
    (Query, "callback_query_id inline_query_id pre_checkout_query_id shipping_query_id"),
    (File, "animation audio document live_photo photo sticker video video_note voice"),
    (
        Json,
        "accepted_gift_types areas button caption_entities checklist chosen commands content custom_emoji_ids emoji_list \
         entities errors explanation_entities keywords link_preview_options mask_position media menu_button option_ids options \
         permissions prices reaction reply_parameters result results rich_message rights scope shipping_options \
         stickers suggested_post_parameters",
    ),
    (
        Flag,
        "allows_multiple_answers allows_revoting creates_join_request is_access_restricted is_anonymous is_canceled \
         is_closed members_only ok show_gift_button",
    ),
    (
        Number,
        "active_period correct_option_id draft_id duration ephemeral_message_id expire_date from_story_id heading \
         height horizontal_accuracy icon_color latitude length limit live_period longitude member_limit \
         message_thread_id month_count new_owner_chat_id position score star_count story_id subscription_period \
         subscription_price width",
    ),
];

/// A parameter of a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    pub(crate) name: &'a str,
    pub(crate) required: bool,
    pub(crate) is: Type,
    pub(crate) limit: Option<usize>,
}

/// The parameters that a row of the table lists.
pub(crate) fn listed(row: &str) -> impl Iterator<Item = Parameter<'_>> {
    row.split_whitespace().map(|text| {
        let (text, limit) = text.split_once("<=").map_or((text, None), |(text, limit)| (text, limit.parse().ok()));
        let (name, is) = text.split_once(':').map_or((text, None), |(name, is)| (name, Some(is)));
        let required = !name.starts_with('?');
        let name = name.trim_start_matches('?');
        let is = match is {
            None => usual_type(name),
            Some("json") => Json,
            Some(_) => Text,
        };
        Parameter { name, required, is, limit }
    })
}

/// The usual type of the parameters with this name.
pub(crate) fn usual_type(name: &str) -> Type {
    let is_listed = |names: &str| names.split(' ').any(|known| known == name);
    TYPES.iter().find(|(_, names)| is_listed(names)).map_or(Text, |(is, _)| *is)
}

/// Refuses a call whose parameters do not fit the row of its method.
pub(crate) fn check(state: &mut State, call: &ApiCall<'_>, row: &str) -> Result<(), ApiResponse> {
    for parameter in listed(row) {
        check_one(call.params, parameter).map_err(|problem| ApiResponse::bad_request(&problem))?;
        if parameter.name == "chat_id" {
            find_chat(state, call)?;
        }
    }
    Ok(())
}

fn check_one(params: &Params, Parameter { name, required, is, limit }: Parameter<'_>) -> Result<(), String> {
    let text = params.text(name).filter(|text| !text.trim().is_empty());
    let is_given = match is {
        Number | User | Message if name != "message_ids" => text.as_ref().is_some_and(|text| is_number(text)),
        Text | Number | Flag | Chat | User | Message | Query | File | Json => text.is_some(),
    };
    if !is_given {
        return if required { Err(missing(name, is)) } else { Ok(()) };
    }
    let length = match is {
        Json | Message => params.json(name).and_then(Result::ok).map(|value| value.as_array().map_or(0, Vec::len)),
        Text | Number | Flag | Chat | User | Query | File => text.map(|text| text.encode_utf16().count()),
    };
    let spoken = name.replace('_', " ");
    match length {
        None => Err(format!("can't parse {spoken} JSON object")),
        Some(length) if limit.is_some_and(|limit| length > limit) && is == Text => Err(format!("{spoken} is too long")),
        Some(length) if limit.is_some_and(|limit| length > limit) => Err(format!("too many {spoken} specified")),
        Some(_) => Ok(()),
    }
}

/// The error of Telegram for a required parameter that is missing.
fn missing(name: &str, is: Type) -> String {
    match (name, is) {
        ("text", _) => "message text is empty".to_owned(),
        ("action", _) => "wrong parameter action in request".to_owned(),
        ("latitude" | "longitude", _) => format!("{name} is empty"),
        ("message_ids", _) => "message identifiers are not specified".to_owned(),
        (_, Chat) => "chat_id is empty".to_owned(),
        (_, User) => format!("invalid {name} specified"),
        (_, Message) => "message identifier is not specified".to_owned(),
        (_, Query) => "query is too old and response timeout expired or query ID is invalid".to_owned(),
        (_, File) => format!("there is no {} in the request", name.replace('_', " ")),
        (_, Json) => format!("can't parse {} JSON object", name.replace('_', " ")),
        (_, Text | Number | Flag) => format!("parameter \"{name}\" is required"),
    }
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok()
}
