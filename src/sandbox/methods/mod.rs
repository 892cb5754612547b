//! The methods of the Bot API. To add a method, add a row to the table.

pub(crate) mod messages;
pub(crate) mod parameters;
pub(crate) mod template;
pub(crate) mod updates;
pub(crate) mod webhook;

mod albums;
pub(crate) mod call;
mod chats;
pub(crate) mod commands;
mod edits;
pub(crate) mod formatting;
mod forward;
pub(crate) mod media;
mod members;
mod presence;
pub(crate) mod rich;
pub(crate) mod table;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::api_response::ApiResponse;
use super::records::ReceivedCall;
use super::state::State;
use crate::telegram::Params;
use Method::{Accept, DeleteWebhook, Edit, GetUpdates, Keep, Kept, Object, Run, RunInfallible, Send, SetWebhook};
use call::{ApiCall, ApiResult};
pub(crate) use table::{Method, find};

/// Executes a call of a method that does not wait.
pub(crate) fn execute(state: &mut State, now: Timestamp, method: &str, params: &Params) -> ApiResponse {
    let call = ApiCall { now, params };
    let Some(row) = find(method) else { return ApiResponse::error(404, "Not Found: method not found") };
    if let Err(refusal) = parameters::check(state, &call, row.parameters) {
        return refusal;
    }
    let label = |verb: &str| row.name.trim_start_matches(verb).to_ascii_lowercase();
    let result = match row.method {
        Accept => Ok(true.into()),
        Object(template) => template::fill(state, &call, template),
        Send(template) => messages::send_content(state, &call, &label("send"), template),
        Edit(template) => edits::edit_content(state, &call, &label("editMessage"), template),
        Keep(name) => Ok(keep(state, &call, name)),
        Kept(name, default) => kept(state, name, default),
        Run(run) => run(state, &call),
        RunInfallible(run) => Ok(run(state, &call)),
        DeleteWebhook => return webhook::delete(state, params),
        SetWebhook | GetUpdates => Err(ApiResponse::error(404, "Not Found: method not found")),
    };
    result.map_or_else(|error| error, ApiResponse::ok)
}

/// Executes and records a call that the webhook's response contains. Telegram does not report its result.
pub(crate) fn execute_from_webhook(state: &mut State, now: Timestamp, mut params: Params) {
    let Some(Value::String(method)) = params.values.remove("method") else { return };
    let name = method.to_ascii_lowercase();
    let ignored = matches!(name.as_str(), "" | "deletewebhook" | "setwebhook" | "close" | "logout");
    if ignored || name.starts_with("get") {
        return;
    }
    let mut call = ReceivedCall::new(now, &method, &params, true);
    call.code = Some(execute(state, now, &name, &params).code);
    state.calls.push(call);
}

/// Keeps an object as it is and a text as the field of that name. Without a value, what was kept is forgotten.
fn keep(state: &mut State, call: &ApiCall<'_>, name: &'static str) -> Value {
    let given = call.params.text(name).filter(|text| !text.is_empty());
    match given {
        Some(text) if parameters::usual_type(name) == parameters::Type::Text => {
            state.profile.insert(name, json!({name: text}))
        }
        Some(_) => state.profile.insert(name, call.params.json(name).and_then(Result::ok).unwrap_or_default()),
        None => state.profile.remove(name),
    };
    true.into()
}

fn kept(state: &State, name: &str, default: &str) -> ApiResult {
    let kept = state.profile.get(name).cloned().map(Ok);
    kept.unwrap_or_else(|| serde_json::from_str(default)).or(Err(ApiResponse::error(500, "Internal Server Error")))
}

#[cfg(test)]
mod tests;
