//! Files in messages: what the Bot API shows of them, and `getFile`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{ApiCall, ApiResult};
use crate::sandbox::api_response::ApiResponse;
use crate::sandbox::state::State;
use crate::sandbox::state::files::StoredFile;
use crate::telegram::Params;

/// A bot cannot download a larger file.
const MAX_DOWNLOAD: usize = 20 << 20;
const MAX_PHOTO: usize = 10 << 20;

/// The content of a file that the sandbox does not have, such as one that a bot sends by its URL: a picture of one
/// pixel (PNG).
pub(crate) const PLACEHOLDER: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU\
    \0\0\0\nIDATx\xdac\xf8\x0f\0\x01\x01\x01\0\x1c\xb0\x8c\x99\0\0\0\0IEND\xaeB`\x82";

/// The kinds of file: the name of the parameter and of the field, the folder, the extension, the type, and which of
/// the fields `duration`, `width`, `height` and `length` it has.
const KINDS: &[(&str, &str, &str, &str, &str)] = &[
    ("animation", "animations", "mp4", "video/mp4", "duration width height"),
    ("audio", "music", "mp3", "audio/mpeg", "duration"),
    ("document", "documents", "bin", "application/octet-stream", ""),
    ("live_photo", "videos", "mp4", "video/mp4", "duration width height"),
    ("photo", "photos", "jpg", "image/jpeg", ""),
    ("sticker", "stickers", "webp", "", "width height"),
    ("video", "videos", "mp4", "video/mp4", "duration width height"),
    ("video_note", "video_notes", "mp4", "", "duration length"),
    ("voice", "voice", "oga", "audio/ogg", "duration"),
];

/// Whether messages can have a file of this kind.
fn kind_exists(kind: &str) -> bool {
    KINDS.iter().any(|(known, ..)| *known == kind)
}

/// The field of a message for a file of this kind. `source` is the value of its parameter.
pub(super) fn file(state: &mut State, call: &ApiCall<'_>, kind: &str, source: &str) -> ApiResult {
    let file = find_or_store(state, call, kind, source)?;
    if kind == "photo" {
        let size = |letter: &str, side: u16| {
            let (id, unique) = (file.id(letter), file.unique_id(letter));
            json!({"file_id": id, "file_unique_id": unique, "file_size": file.content.len(), "width": side, "height": side})
        };
        return Ok(json!([size("s", 90), size("x", 800)]));
    }
    let mut shown =
        json!({"file_id": file.id(""), "file_unique_id": file.unique_id(""), "file_size": file.content.len()});
    let (_, _, _, media_type, numbers) = kind_of(kind);
    for number in numbers.split_whitespace() {
        let default = if number == "duration" { 1 } else { 512 };
        shown[number] = call.params.integer(number).unwrap_or(default).into();
    }
    if !media_type.is_empty() {
        shown["mime_type"] = media_type.into();
    }
    if !file.name.is_empty() && matches!(kind, "animation" | "audio" | "document" | "video") {
        shown["file_name"] = file.name.into();
    }
    if kind == "sticker" {
        shown["type"] = "regular".into();
        shown["is_animated"] = false.into();
        shown["is_video"] = false.into();
    }
    for name in ["performer", "title", "emoji"] {
        if let (true, Some(text)) = (matches!(kind, "audio" | "sticker"), call.params.text(name)) {
            shown[name] = text.into();
        }
    }
    Ok(shown)
}

/// The kind of an item of a list of media, and the parameters of the call with those of the item in their place.
pub(super) fn item(call: &ApiCall<'_>, item: &Value) -> Result<(String, Params), ApiResponse> {
    let problem = |problem| ApiResponse::bad_request(&format!("can't parse InputMedia: {problem}"));
    let kind = item["type"].as_str().filter(|kind| kind_exists(kind)).ok_or_else(|| problem("type is not valid"))?;
    let media = item["media"].as_str().filter(|media| !media.is_empty()).ok_or_else(|| problem("media not found"))?;
    let mut values = call.params.values.clone();
    for name in ["media", "caption", "caption_entities", "parse_mode"] {
        values.remove(name);
    }
    values.extend(item.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
    values.insert(kind.to_owned(), media.into());
    Ok((kind.to_owned(), call.params.with_values(values)))
}

/// Paid media as a message shows them.
pub(super) fn paid(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let items = call.params.json("media").and_then(Result::ok).unwrap_or_default();
    let show = |one: &Value| {
        let (kind, params) = item(call, one)?;
        let source = params.text(&kind).unwrap_or_default();
        let shown = file(state, &ApiCall { now: call.now, params: &params }, &kind, &source)?;
        Ok(json!({"type": kind, kind.as_str(): shown}))
    };
    items.as_array().into_iter().flatten().map(show).collect()
}

/// `getFile`.
pub(super) fn get_file(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let id = call.params.text("file_id").unwrap_or_default();
    let file = state.files.get(&id);
    let file = file.ok_or_else(|| ApiResponse::bad_request("wrong file_id or the file is temporarily unavailable"))?;
    if file.content.len() > MAX_DOWNLOAD {
        return Err(ApiResponse::bad_request("file is too big"));
    }
    let shown = json!({"file_id": id, "file_unique_id": file.unique_id(""), "file_size": file.content.len()});
    Ok(with(shown, "file_path", file.path.clone().into()))
}

/// `uploadStickerFile`.
pub(super) fn upload_sticker(state: &mut State, call: &ApiCall<'_>) -> ApiResult {
    let file = find_or_store(state, call, "sticker", &call.params.text("sticker").unwrap_or_default())?;
    Ok(json!({"file_id": file.id(""), "file_unique_id": file.unique_id(""), "file_size": file.content.len()}))
}

/// The file that `source` names: an uploaded one, one that is kept already, or a placeholder for one elsewhere.
fn find_or_store(state: &mut State, call: &ApiCall<'_>, kind: &str, source: &str) -> Result<StoredFile, ApiResponse> {
    let (_, folder, extension, ..) = kind_of(kind);
    let field = source.strip_prefix("attach://").unwrap_or(kind);
    if let Some(file) = call.params.file(field) {
        check_size(kind, file.content.len())?;
        return Ok(state.files.add(folder, extension, &file.name, file.content.clone()));
    }
    if let Some(file) = state.files.get(source) {
        return Ok(file.clone());
    }
    let is_url = source.starts_with("http://") || source.starts_with("https://");
    if state.strict && !is_url {
        return Err(ApiResponse::bad_request("wrong file identifier/HTTP URL specified"));
    }
    Ok(state.files.add(folder, extension, "", Bytes::from_static(PLACEHOLDER)))
}

fn check_size(kind: &str, size: usize) -> Result<(), ApiResponse> {
    if size == 0 {
        return Err(ApiResponse::bad_request("file must be non-empty"));
    }
    if kind == "photo" && size > MAX_PHOTO {
        let problem =
            format!("file of size {size} bytes is too big for a photo; the maximum size is {MAX_PHOTO} bytes");
        return Err(ApiResponse::bad_request(&problem));
    }
    Ok(())
}

fn kind_of(kind: &str) -> (&str, &str, &str, &str, &str) {
    KINDS.iter().find(|(known, ..)| *known == kind).copied().unwrap_or((kind, "documents", "bin", "", ""))
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}
