//! The buttons that people pressed, and what the bot answered.

use jiff::Timestamp;

use crate::sandbox::records::History;
use crate::update::UpdateId;

/// A pressed button.
#[derive(Clone, Debug)]
pub(crate) struct Press {
    /// The id of the callback query.
    pub(crate) query: String,
    pub(crate) at: Timestamp,
    pub(crate) chat: i64,
    pub(crate) from: String,
    pub(crate) message_id: i64,
    pub(crate) data: String,
    pub(crate) update_id: Option<UpdateId>,
    pub(crate) answer: Option<PressAnswer>,
}

/// What `answerCallbackQuery` said. The text may be empty.
#[derive(Clone, Debug)]
pub(crate) struct PressAnswer {
    pub(crate) text: String,
    pub(crate) is_alert: bool,
}

/// The latest presses.
#[derive(Debug, Default)]
pub(crate) struct Presses(History<Press>);

impl Presses {
    pub(crate) fn push(&mut self, press: Press) {
        self.0.push(press);
    }

    /// Records the answer to a query, if it is one of these.
    pub(crate) fn answer(&mut self, query: &str, answer: PressAnswer) {
        if let Some(press) = self.0.iter_mut().rev().find(|press| press.query == query) {
            press.answer = Some(answer);
        }
    }

    /// The latest press of a button of this message.
    pub(crate) fn of(&self, chat: i64, message_id: i64) -> Option<&Press> {
        self.0.iter().rev().find(|press| (press.chat, press.message_id) == (chat, message_id))
    }
}
