use std::fmt;

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::call::{Call, RawBody};

/// The largest files that Telegram's own Bot API accepts, together: 50 MB.
const LARGEST: usize = 50 << 20;
/// The most files of one call.
const MOST_FILES: usize = 50;

/// A file that a call sends.
#[derive(Clone, PartialEq, Eq)]
pub struct InputFile {
    /// The parameter that the file is, such as `document`, or the name to which `attach://` refers.
    pub parameter: String,
    /// The name of the file, as people see it.
    pub name: String,
    /// The content.
    pub bytes: Bytes,
}

/// Why files are not sent. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// Telegram would refuse them.
    #[error("the files have {found} bytes together, and the Bot API accepts 50 MB ({LARGEST} bytes)")]
    TooLarge {
        /// Their size together.
        found: usize,
    },
    /// Telegram would refuse them.
    #[error("there are {found} files, and the Bot API accepts {MOST_FILES} in one call")]
    TooMany {
        /// Their number.
        found: usize,
    },
}

impl Call {
    /// Sends files with the parameters, as `multipart/form-data`. The parameters must be complete: of those that are added
    /// later, none is sent.
    ///
    /// A call that a handler returns is stored with its update until it is made, with its files. So return only small files,
    /// of some hundred KiB, and send larger ones with [`RateLimitedApi::call`](super::RateLimitedApi::call).
    ///
    /// # Errors
    ///
    /// [`UploadError`]: at most 50 files of 50 MB together can be sent.
    pub fn with_files(mut self, files: &[InputFile]) -> Result<Self, UploadError> {
        let size = files.iter().map(|file| file.bytes.len()).sum();
        if size > LARGEST {
            return Err(UploadError::TooLarge { found: size });
        }
        if files.len() > MOST_FILES {
            return Err(UploadError::TooMany { found: files.len() });
        }
        // A content cannot contain 128 random bits.
        let boundary = format!("doorbell-{:032x}", rand::random::<u128>());
        let mut body = BytesMut::with_capacity(size + 4096);
        let mut add = |head: String, content: &[u8]| {
            body.extend_from_slice(
                format!("--{boundary}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        };
        for (name, value) in &self.params {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            add(format!("name=\"{}\"", quoted(name)), value.as_bytes());
        }
        for InputFile { parameter, name, bytes } in files {
            let head = format!("name=\"{}\"; filename=\"{}\"", quoted(parameter), quoted(name));
            add(format!("{head}\r\nContent-Type: application/octet-stream"), bytes);
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        // The rate limits read the chat.
        self.params.retain(|name, _: &mut Value| name == "chat_id");
        let content_type = format!("multipart/form-data; boundary={boundary}");
        Ok(self.with_body(RawBody { content_type, bytes: body.freeze() }))
    }
}

/// A name in a header of a part. Telegram decodes `%XX` in it.
fn quoted(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len());
    for character in name.chars() {
        match character {
            '"' | '\\' | '%' => quoted.extend(['%', hex(character as u32 >> 4), hex(character as u32)]),
            control if control.is_control() => quoted.push('_'),
            other => quoted.push(other),
        }
    }
    quoted
}

fn hex(digit: u32) -> char {
    char::from_digit(digit & 0xF, 16).unwrap_or('0').to_ascii_uppercase()
}

/// The content is what a person sent or gets.
impl fmt::Debug for InputFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InputFile")
            .field("parameter", &self.parameter)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(name: &str, content: &'static [u8]) -> InputFile {
        InputFile { parameter: "document".to_owned(), name: name.to_owned(), bytes: Bytes::from_static(content) }
    }

    #[test]
    fn a_call_with_a_file_is_a_multipart_body_with_all_parameters() {
        let call =
            Call::new("sendDocument").with("chat_id", 7).with("caption", "a\r\nb").with("reply_markup", json!({}));
        let call = call.with_files(&[file("report \"1\"\r\n%.pdf", b"\x00\xffPDF")]).unwrap();
        let body = call.body.clone().unwrap();
        let boundary = body.content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
        let text = String::from_utf8_lossy(&body.bytes).replace(boundary, "B");
        let part =
            |head: &str, content: &str| format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n");
        let expected = [
            part("name=\"caption\"", "a\r\nb"),
            part("name=\"chat_id\"", "7"),
            part("name=\"reply_markup\"", "{}"),
            part(
                "name=\"document\"; filename=\"report %221%22__%25.pdf\"\r\nContent-Type: application/octet-stream",
                "\u{0}\u{FFFD}PDF",
            ),
        ];
        let mut parts: Vec<&str> = text.strip_suffix("--B--\r\n").unwrap().split_inclusive("\r\n--B").collect();
        assert_eq!(parts.len(), 4);
        parts.sort_unstable();
        for part in &expected {
            assert!(text.contains(part.as_str()), "{part:?} in {text:?}");
        }
        assert_eq!(call.params, *json!({ "chat_id": 7 }).as_object().unwrap());
    }

    #[test]
    fn files_that_telegram_refuses_are_not_sent() {
        let large = InputFile { bytes: Bytes::from(vec![0; LARGEST / 2 + 1]), ..file("a", b"") };
        let refused = Call::new("sendMediaGroup").with_files(&[large.clone(), large]);
        assert_eq!(refused, Err(UploadError::TooLarge { found: LARGEST + 2 }));
        let refused = Call::new("sendMediaGroup").with_files(&vec![file("a", b"a"); 51]);
        assert_eq!(refused, Err(UploadError::TooMany { found: 51 }));
    }

    #[test]
    fn no_debug_form_shows_a_content_or_the_name_of_a_file() {
        let shown = format!("{:?}", file("CANARY.pdf", b"CANARY"));
        assert!(!shown.contains("CANARY"), "{shown}");
    }
}
