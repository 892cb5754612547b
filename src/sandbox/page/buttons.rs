//! The buttons below a message and those in place of the keyboard.

use serde_json::Value;

use super::content::button_url;
use super::markup::visible;
use crate::sandbox::records::Message;
use crate::sandbox::state::State;

/// A button.
pub(super) struct Button {
    pub(super) text: String,
    pub(super) action: Action,
}

/// What a button does.
pub(super) enum Action {
    /// Sends this data to the bot.
    Press(String),
    /// Opens a page.
    Open(String),
    /// Sends its text as a message.
    Say,
    /// Sends the person's contact or location.
    Share(&'static str),
    /// Nothing: the sandbox does not support this kind of button.
    Nothing,
}

/// The keyboard in place of the usual one.
pub(super) struct ReplyKeyboard {
    pub(super) rows: Vec<Vec<Button>>,
    pub(super) placeholder: Option<String>,
}

/// The rows of the inline keyboard of a message.
pub(super) fn inline(markup: &Value) -> Vec<Vec<Button>> {
    rows(&markup["inline_keyboard"], |button| match button["callback_data"].as_str() {
        Some(data) => Action::Press(data.to_owned()),
        None => button_url(button).map_or(Action::Nothing, Action::Open),
    })
}

/// The keyboard that the bot has set in a chat, if there is one now.
pub(super) fn reply(state: &State, chat: i64) -> Option<ReplyKeyboard> {
    let mut was_used = false;
    let has_keyboard = |message: &&Message| {
        let markup = message.buttons.as_ref();
        message.chat == chat && markup.is_some_and(|markup| markup.get("inline_keyboard").is_none())
    };
    for message in state.conversations.newest_first().filter(|message| message.chat == chat) {
        was_used |= !message.bot;
        let Some(markup) = message.buttons.as_ref().filter(|_| has_keyboard(&message)) else { continue };
        let is_over = was_used && (markup["one_time_keyboard"] == true || markup["force_reply"] == true);
        let rows = rows(&markup["keyboard"], |button| {
            let requests = [("request_contact", "contact"), ("request_location", "location")];
            let requested = requests.into_iter().find(|(name, _)| button[*name] == true);
            let is_other = button.as_object().is_some_and(|fields| fields.keys().any(|name| is_other_request(name)));
            match requested {
                Some((_, what)) => Action::Share(what),
                None if is_other => Action::Nothing,
                None => Action::Say,
            }
        });
        let placeholder = markup["input_field_placeholder"].as_str().map(|text| text.chars().map(visible).collect());
        return (!is_over && (!rows.is_empty() || placeholder.is_some()))
            .then_some(ReplyKeyboard { rows, placeholder });
    }
    None
}

fn is_other_request(name: &str) -> bool {
    name == "web_app" || (name.starts_with("request_") && !matches!(name, "request_contact" | "request_location"))
}

fn rows(keyboard: &Value, action: impl Fn(&Value) -> Action) -> Vec<Vec<Button>> {
    let button = |button: &Value| {
        let text = button["text"].as_str().or(button.as_str())?;
        Some(Button { text: text.chars().map(visible).collect(), action: action(button) })
    };
    let row = |row: &Value| row.as_array().into_iter().flatten().filter_map(button).collect::<Vec<_>>();
    keyboard.as_array().into_iter().flatten().map(row).filter(|row| !row.is_empty()).collect()
}
