//! Parses a text with a parse mode as Telegram does: into the text that people see, or an error in Telegram's own words
//! (`TDLib`, `MessageEntity.cpp`).

mod html;
mod markdown;
mod markdown_v2;

/// The text without its markup. The case of the parse mode does not matter. An empty one stands for plain text.
///
/// # Errors
///
/// The text that Telegram puts after "Bad Request: " when it refuses such a message.
pub fn visible_text(parse_mode: &str, text: &str) -> Result<String, String> {
    let text = match parse_mode.to_ascii_lowercase().as_str() {
        "" => return Ok(text.to_owned()),
        "html" => html::plain(text),
        "markdown" => markdown::plain(text),
        "markdownv2" => markdown_v2::plain(text),
        _ => return Err("unsupported parse_mode".to_owned()),
    };
    text.map_err(|problem| format!("can't parse entities: {problem}"))
}
