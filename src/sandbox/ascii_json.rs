//! JSON as Telegram writes it: characters outside ASCII are escaped as `\uXXXX`, `/` is not escaped.

use std::fmt::Write;

use bytes::Bytes;
use serde::Serialize;

/// Encodes a value as JSON that is pure ASCII.
pub(super) fn encode<T: Serialize>(value: &T) -> Bytes {
    let text = serde_json::to_string(value).expect("the sandbox encodes maps with string keys only");
    if text.is_ascii() {
        return Bytes::from(text);
    }
    let mut ascii = String::with_capacity(text.len() * 3);
    for char in text.chars() {
        if char.is_ascii() {
            ascii.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").expect("writing to a String succeeds");
            }
        }
    }
    Bytes::from(ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_outside_ascii_are_escaped_and_slashes_are_not() {
        assert_eq!(encode(&"/start é\n\u{1f514}"), r#""/start \u00e9\n\ud83d\udd14""#.as_bytes());
    }
}
