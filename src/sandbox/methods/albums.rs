//! `sendMediaGroup` and `editMessageMedia`.

use serde_json::{Map, Value, json};

use super::call::{ApiCall, ApiResult};
use super::edits::edit_content;
use super::formatting::read_caption;
use super::media;
use super::messages::{content, placeholder, write};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;

/// Writes one message for each of the media.
pub(super) fn send_media_group(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let Some(Ok(Value::Array(items))) = call.params.json("media") else {
        return Err(ApiResponse::bad_request("can't parse media JSON object"));
    };
    // All are read before the first is sent.
    let items: Vec<_> = items.iter().map(|item| media::item(call, item)).collect::<Result<_, _>>()?;
    let album = Map::from_iter([("media_group_id".to_owned(), Value::from(call.now.as_microsecond().to_string()))]);
    let send_one = |(kind, params): (String, _)| {
        let call = ApiCall { now: call.now, params: &params };
        let caption = read_caption(&call)?;
        let content = content(state, &call, &template(&kind), &caption)?;
        write(state, &call, placeholder(&kind, &caption.text), Some(content), &Value::Object(album.clone()))
    };
    items.into_iter().map(send_one).collect()
}

pub(super) fn edit_media(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let item = call.params.json("media").and_then(Result::ok).unwrap_or_default();
    let (kind, params) = media::item(call, &item)?;
    edit_content(state, &ApiCall { now: call.now, params: &params }, &kind, &template(&kind))
}

fn template(kind: &str) -> String {
    json!({kind: format!("${kind}")}).to_string()
}
