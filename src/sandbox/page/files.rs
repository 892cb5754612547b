//! The files that the bot and people have sent.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use super::PageState;
use crate::http::Problem;

/// `GET /chat/files/{folder}/{name}`: shows an image, and lets the browser save anything else.
pub(super) async fn show(State(page): State<PageState>, Path((folder, name)): Path<(String, String)>) -> Response {
    let path = format!("{folder}/{name}");
    let found = page.sandbox.shared.lock().files.at(&path).map(|file| (file.name.clone(), file.content.clone()));
    let Some((given_name, content)) = found else {
        let detail = "The sandbox keeps 64 MiB of files and drops the oldest first.";
        return Problem::new(StatusCode::NOT_FOUND, "There is no such file", detail).into_response();
    };
    let image = image_type(&content);
    let disposition = match image {
        Some(_) => "inline".to_owned(),
        None => {
            format!("attachment; filename=\"{}\"", safe_name(if given_name.is_empty() { &name } else { &given_name }))
        }
    };
    let disposition = HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment"));
    let content_type = HeaderValue::from_static(image.unwrap_or("application/octet-stream"));
    // A file never changes under its path.
    let cached = HeaderValue::from_static("private, max-age=86400");
    ([(CONTENT_TYPE, content_type), (CONTENT_DISPOSITION, disposition), (CACHE_CONTROL, cached)], Body::from(content))
        .into_response()
}

/// The type of an image that a browser may show, by its first bytes. None of these types can hold a script.
pub(super) fn image_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The name without what a header or a file system could misread.
fn safe_name(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
    name.chars().map(|c| if is_safe(c) { c } else { '_' }).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_of_known_types_are_shown() {
        assert_eq!(image_type(b"\x89PNG\r\n\x1a\n"), Some("image/png"));
        assert_eq!(image_type(b"RIFF\0\0\0\0WEBPVP8 "), Some("image/webp"));
        for other in [b"<svg onload=alert(1)>".as_slice(), b"<html>", b"%PDF", b"", b"RIFF\0\0\0\0WAVE"] {
            assert_eq!(image_type(other), None);
        }
    }

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(safe_name("a\"; x=\r\n../b.html"), "a__ x___.._b.html");
    }
}
