use serde::Serialize;

use crate::http::pages::Language;

/// How well a part is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Ok,
    /// It works, or will soon, and somebody should know.
    Warn,
    /// Updates do not arrive or are not handled.
    Bad,
}

/// A coloured word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    /// The class of the style sheet.
    pub(super) class: &'static str,
    /// The word, for people who do not see the colour.
    pub(super) word: &'static str,
}

impl Level {
    pub(super) fn tag(self, language: Language) -> Tag {
        let (class, word) = match self {
            Self::Ok => ("ok", language.pick("OK", "В порядке")),
            Self::Warn => ("warn", language.pick("Attention", "Внимание")),
            Self::Bad => ("bad", language.pick("Failed", "Сбой")),
        };
        Tag { class, word }
    }
}
