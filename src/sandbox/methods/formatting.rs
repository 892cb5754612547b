//! The texts of messages and their entities, from a parse mode or from a list.

use serde_json::{Value, json};

use super::call::ApiCall;
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::entities;
use crate::telegram::markup;

/// The longest text and the longest caption, in UTF-16 units.
const MAX_TEXT: usize = 4096;
const MAX_CAPTION: usize = 1024;

/// The entities inside of which Telegram finds no others.
const HIDING: [&str; 9] =
    ["bot_command", "code", "custom_emoji", "hashtag", "mention", "pre", "text_link", "text_mention", "url"];

/// A text as users see it, and its entities as the Bot API shows them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FormattedText {
    pub(crate) text: String,
    /// An array, or none if there is none.
    pub(crate) entities: Option<Value>,
}

/// Reads the text of a message.
pub(super) fn read_text(call: &ApiCall<'_>) -> Result<FormattedText, ApiResponse> {
    let read = read(call, "text", "entities")?;
    match read.text.encode_utf16().count() {
        0 => Err(ApiResponse::bad_request("message text is empty")),
        length if length > MAX_TEXT => Err(ApiResponse::bad_request("message is too long")),
        _ => Ok(read),
    }
}

/// Reads the caption of a message, which may be empty.
pub(super) fn read_caption(call: &ApiCall<'_>) -> Result<FormattedText, ApiResponse> {
    let read = read(call, "caption", "caption_entities")?;
    if read.text.encode_utf16().count() > MAX_CAPTION {
        return Err(ApiResponse::bad_request("message caption is too long"));
    }
    Ok(read)
}

/// Reads a text of which only the length of the parameter is limited.
pub(super) fn read(call: &ApiCall<'_>, name: &str, list: &str) -> Result<FormattedText, ApiResponse> {
    let text = call.params.text(name).unwrap_or_default();
    let mode = call.params.text("parse_mode").unwrap_or_default();
    let parsed = markup::parse(&mode, &text).map_err(|problem| ApiResponse::bad_request(&problem))?;
    // A parse mode has precedence over the list.
    let mut entities: Vec<Value> = match call.params.json(list) {
        Some(Ok(Value::Array(given))) if mode.is_empty() => given,
        _ => parsed.entities.into_iter().map(shown).collect(),
    };
    let is_free = |found: &entities::Entity, entities: &[Value]| {
        let overlaps = |entity: &Value| {
            let number = |name: &str| entity[name].as_u64().and_then(|number| usize::try_from(number).ok());
            let (Some(offset), Some(length)) = (number("offset"), number("length")) else { return false };
            offset < found.offset + found.length && found.offset < offset.saturating_add(length)
        };
        let hides = |entity: &&Value| HIDING.iter().any(|kind| entity["type"] == *kind);
        !entities.iter().filter(hides).any(overlaps)
    };
    let found: Vec<_> = entities::detect(&parsed.text).into_iter().filter(|found| is_free(found, &entities)).collect();
    entities.extend(found.iter().map(|found| json!(found)));
    Ok(trimmed(&parsed.text, entities))
}

/// An entity as the Bot API shows it.
fn shown(entity: markup::Entity) -> Value {
    let mut shown = json!({"type": entity.kind, "offset": entity.offset, "length": entity.length});
    let field = match entity.kind {
        "text_link" => "url",
        "pre" => "language",
        _ => "custom_emoji_id",
    };
    if let Some(detail) = entity.detail {
        shown[field] = detail.into();
    }
    shown
}

/// The text without white space around it. What remains of each entity moves with the text.
fn trimmed(text: &str, entities: Vec<Value>) -> FormattedText {
    let units = |text: &str| i64::try_from(text.encode_utf16().count()).unwrap_or(i64::MAX);
    let (cut, length) = (units(text) - units(text.trim_start()), units(text.trim()));
    let moved = |mut entity: Value| {
        let (offset, long) = (entity["offset"].as_i64()?, entity["length"].as_i64()?);
        let start = offset.saturating_sub(cut).clamp(0, length);
        let end = offset.saturating_sub(cut).saturating_add(long).clamp(0, length);
        entity["offset"] = start.into();
        entity["length"] = (end - start).into();
        (start < end).then_some(entity)
    };
    let mut entities: Vec<Value> = entities.into_iter().filter_map(moved).collect();
    entities.sort_by_key(|entity| (entity["offset"].as_i64(), entity["length"].as_i64().map(|length| -length)));
    let entities = (!entities.is_empty()).then_some(Value::Array(entities));
    FormattedText { text: text.trim().to_owned(), entities }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_move_with_the_text_when_white_space_is_cut() {
        let entity = |offset: i64, length: i64| json!({"type": "bold", "offset": offset, "length": length});
        let read = trimmed(" \n\u{1f514}a ", vec![entity(2, 99), entity(0, 2), entity(4, 1)]);
        assert_eq!(read.text, "\u{1f514}a");
        assert_eq!(read.entities, Some(json!([entity(0, 3), entity(2, 1)])));
        assert_eq!(trimmed("a", vec![entity(i64::MAX, i64::MAX), entity(-5, i64::MIN), json!(1)]).entities, None);
    }
}
