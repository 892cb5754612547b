//! What Telegram makes of a text with a parse mode: the text that people see, or what is wrong with it, in
//! Telegram's own words (`TDLib`, `MessageEntity.cpp`).

mod html;
mod markdown;
mod markdown_v2;

/// The text without its markup, in any spelling of the parse mode; none names plain text.
///
/// # Errors
///
/// What Telegram puts behind "Bad Request: " when it refuses such a message.
pub fn shown(parse_mode: &str, text: &str) -> Result<String, String> {
    let shown = match parse_mode.to_ascii_lowercase().as_str() {
        "" => return Ok(text.to_owned()),
        "html" => html::plain(text),
        "markdown" => markdown::plain(text),
        "markdownv2" => markdown_v2::plain(text),
        _ => return Err("unsupported parse_mode".to_owned()),
    };
    shown.map_err(|problem| format!("can't parse entities: {problem}"))
}
