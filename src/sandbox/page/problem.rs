use serde::{Serialize, Serializer};

use crate::http::pages::Language;

/// Why a form was refused. The address of the page holds its code and not its sentence, so a link cannot make the page say
/// anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    TooLong,
    CaptionTooLong,
    MayNotWrite,
    NotSent,
    NotEditable,
    NoButton,
    NoVote,
    NoDraft,
    CannotJoin,
    NothingDelivered,
    NoSwitch,
}

impl Problem {
    const ALL: [Self; 12] = [
        Self::Empty,
        Self::TooLong,
        Self::CaptionTooLong,
        Self::MayNotWrite,
        Self::NotSent,
        Self::NotEditable,
        Self::NoButton,
        Self::NoVote,
        Self::NoDraft,
        Self::CannotJoin,
        Self::NothingDelivered,
        Self::NoSwitch,
    ];

    /// The problem with this code.
    pub(super) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|problem| problem.code() == code)
    }

    /// Its name in the address and in JSON.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLong => "too-long",
            Self::CaptionTooLong => "caption-too-long",
            Self::MayNotWrite => "may-not-write",
            Self::NotSent => "not-sent",
            Self::NotEditable => "not-editable",
            Self::NoButton => "no-button",
            Self::NoVote => "no-vote",
            Self::NoDraft => "no-draft",
            Self::CannotJoin => "cannot-join",
            Self::NothingDelivered => "nothing-delivered",
            Self::NoSwitch => "no-switch",
        }
    }

    /// Its sentence on the page.
    pub(super) fn sentence(self, language: Language) -> &'static str {
        match self {
            Self::Empty => language.pick("Write something first.", "Сначала напишите что-нибудь."),
            Self::TooLong => {
                language.pick("A message has at most 4,096 characters.", "В сообщении не больше 4096 символов.")
            }
            Self::CaptionTooLong => language.pick(
                "The text beside a file has at most 1,024 characters.",
                "В подписи к файлу не больше 1024 символов.",
            ),
            Self::MayNotWrite => language.pick("This person may not write here.", "Этому человеку нельзя писать сюда."),
            Self::NotSent => language.pick("This cannot be sent here.", "Это нельзя отправить сюда."),
            Self::NotEditable => language.pick("This message cannot be edited.", "Это сообщение нельзя изменить."),
            Self::NoButton => {
                language.pick("The message no longer has this button.", "У сообщения больше нет этой кнопки.")
            }
            Self::NoVote => language.pick("The poll has no such option now.", "В опросе сейчас нет такого варианта."),
            Self::NoDraft => language.pick("There is no such draft now.", "Такого черновика сейчас нет."),
            Self::CannotJoin => language.pick(
                "This person cannot join: the bot has banned this person, or this is not a group.",
                "Этот человек не может вступить: бот его исключил, или это не группа.",
            ),
            Self::NothingDelivered => language.pick(
                "This chat has no delivered update yet. Write a message first.",
                "В этом чате ещё нет доставленного обновления. Сначала напишите сообщение.",
            ),
            Self::NoSwitch => language.pick("There is no such switch.", "Такого переключателя нет."),
        }
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_leads_to_its_sentence_and_no_other_text_does() {
        for problem in Problem::ALL {
            assert_eq!(Problem::of(problem.code()), Some(problem));
            assert!(problem.sentence(Language::English).ends_with('.'), "{problem:?}");
            assert!(problem.sentence(Language::Russian).ends_with('.'), "{problem:?}");
        }
        for other in ["", "Empty", "Your account is closed, call 0900", "<b>"] {
            assert_eq!(Problem::of(other), None, "{other}");
        }
    }
}
