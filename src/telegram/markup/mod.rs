//! Parses a text with a parse mode as Telegram does: into the text that people see and its entities, or an error in
//! Telegram's own words (`TDLib`, `MessageEntity.cpp`).

mod formatted;
mod html;
mod markdown;
mod markdown_v2;

pub use formatted::{Entity, Formatted};

/// The text without its markup. The case of the parse mode does not matter. An empty one stands for plain text.
///
/// # Errors
///
/// The text that Telegram puts after "Bad Request: " when it refuses such a message.
pub fn visible_text(parse_mode: &str, text: &str) -> Result<String, String> {
    parse(parse_mode, text).map(|formatted| formatted.text)
}

/// The text without its markup, and the entities that the markup stands for.
///
/// # Errors
///
/// As [`visible_text`].
pub fn parse(parse_mode: &str, text: &str) -> Result<Formatted, String> {
    let formatted = match parse_mode.to_ascii_lowercase().as_str() {
        "" => return Ok(Formatted { text: text.to_owned(), entities: Vec::new() }),
        "html" => html::parse(text),
        "markdown" => markdown::parse(text),
        "markdownv2" => markdown_v2::parse(text),
        _ => return Err("unsupported parse_mode".to_owned()),
    };
    formatted.map_err(|problem| format!("can't parse entities: {problem}"))
}
