use std::collections::BTreeMap;

use schemars::JsonSchema;
use toml::Value;

use crate::settings::describe;
use crate::settings::problem::Refusal;
use crate::settings::reader::Reader;

/// The reply of a command, a button or the fallback.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ReplySettings {
    /// The template of the text.
    pub reply: String,
    /// `HTML`, `Markdown` or `MarkdownV2`; plain text when not set.
    #[schemars(with = "String")]
    pub parse_mode: Option<String>,
    /// Rows of buttons: each has a `text`, and one of `url`, `callback_data`, `switch_inline_query`
    /// and `switch_inline_query_current_chat`.
    pub buttons: Vec<Vec<BTreeMap<String, String>>>,
}

pub(super) const PARSE_MODE: &str = "\"HTML\", \"Markdown\" or \"MarkdownV2\"";
pub(super) const BUTTONS: &str = "rows of buttons, such as [[{ text = \"Site\", url = \"https://example.org\" }]]";

/// What a button can do.
const ACTIONS: [&str; 4] = ["url", "callback_data", "switch_inline_query", "switch_inline_query_current_chat"];

/// Reads `[fallback]`, which exists if it has a text.
pub(in crate::settings) fn fallback(from: &mut Reader) -> Option<ReplySettings> {
    let reply = from.optional("fallback.reply", "the template of a reply", |text| Ok(text.to_owned()));
    let parse_mode = from.optional("fallback.parse_mode", PARSE_MODE, parse_mode);
    let buttons = from.value("fallback.buttons", BUTTONS, buttons);
    Some(ReplySettings { reply: reply?, parse_mode, buttons })
}

pub(super) fn parse_mode(text: &str) -> Result<String, Refusal> {
    let modes = ["HTML", "Markdown", "MarkdownV2"];
    let mode = modes.iter().find(|mode| mode.eq_ignore_ascii_case(text));
    mode.map(|mode| (*mode).to_owned()).ok_or_else(Refusal::default)
}

pub(super) fn buttons(value: &Value) -> Result<Vec<Vec<BTreeMap<String, String>>>, Refusal> {
    let row = |row: &Value| row.as_array().ok_or_else(Refusal::default)?.iter().map(button).collect();
    value.as_array().ok_or_else(Refusal::default)?.iter().map(row).collect()
}

fn button(value: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let table = value.as_table().ok_or_else(Refusal::default)?;
    let mut button = BTreeMap::new();
    for (name, value) in table {
        let value =
            value.as_str().ok_or_else(|| refused(format!("a button whose {} is no text", describe::text(name))))?;
        button.insert(name.clone(), value.to_owned());
    }
    let text = button.get("text").map(String::as_str).unwrap_or_default();
    if text.is_empty() {
        return Err(refused("a button without a text".to_owned()));
    }
    let text = describe::text(text);
    if let Some(unknown) = button.keys().find(|name| *name != "text" && !ACTIONS.contains(&name.as_str())) {
        return Err(refused(format!("the button \"{text}\" with the unknown field {}", describe::text(unknown))));
    }
    if button.len() != 2 {
        return Err(refused(format!("the button \"{text}\" with {} actions", button.len() - 1)));
    }
    if button.get("callback_data").is_some_and(|data| !(1..=64).contains(&data.len())) {
        let found = format!("the button \"{text}\" with too much callback_data, or none");
        return Err(Refusal::new(found, "callback_data has 1 to 64 bytes"));
    }
    Ok(button)
}

fn refused(found: String) -> Refusal {
    Refusal::new(found, format!("a button has a text and one of {}", ACTIONS.join(", ")))
}
