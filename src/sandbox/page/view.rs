//! The address of the page: which chat, as whom, which update.

use serde::Serialize;
use serde_json::Value;
use url::form_urlencoded;

use super::problem::Problem;
use crate::sandbox::people::PEOPLE;

/// What the query of the address asks for. Values that make no sense are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct View {
    pub(super) chat: i64,
    /// Who writes. It is empty until [`named`](Self::named) if the address does not say it.
    #[serde(rename = "as")]
    pub(super) person: String,
    /// The update whose trail is shown.
    pub(super) update: Option<i64>,
    /// The message to which the next one replies.
    pub(super) reply: Option<i64>,
    /// The message that is edited.
    pub(super) edit: Option<i64>,
    /// Only messages before this one are shown.
    pub(super) before: Option<i64>,
    /// Why the last form was refused.
    pub(super) problem: Option<Problem>,
}

impl View {
    pub(super) fn of(query: &[u8]) -> Self {
        let mut view = Self::chat(PEOPLE[0].0, PEOPLE[0].1);
        let mut person = None;
        for (name, value) in form_urlencoded::parse(query) {
            let number = value.parse().ok();
            match &*name {
                "chat" => view.chat = number.filter(|chat| *chat != 0).unwrap_or(view.chat),
                "as" if !value.trim().is_empty() => person = Some(value.into_owned()),
                "update" => view.update = number,
                "reply" => view.reply = number,
                "edit" => view.edit = number,
                "before" => view.before = number,
                "problem" => view.problem = Problem::of(&value),
                _ => {}
            }
        }
        let usual = PEOPLE.iter().find(|(chat, _)| *chat == view.chat).map_or("", |(_, name)| name);
        view.person = person.unwrap_or_else(|| usual.to_owned());
        view
    }

    /// A chat, with nothing selected in it.
    pub(super) fn chat(chat: i64, person: &str) -> Self {
        let person = person.to_owned();
        Self { chat, person, update: None, reply: None, edit: None, before: None, problem: None }
    }

    /// The same view, in which the person of this private chat writes, or the first one, if the address names nobody.
    pub(super) fn named(mut self, chat: &Value) -> Self {
        if self.person.is_empty() {
            chat["first_name"].as_str().unwrap_or(PEOPLE[0].1).clone_into(&mut self.person);
        }
        self
    }

    /// The same chat and person, with nothing selected.
    pub(super) fn plain(&self) -> Self {
        Self::chat(self.chat, &self.person)
    }

    pub(super) fn with_update(&self, update: i64) -> Self {
        Self { update: Some(update), before: self.before, ..self.plain() }
    }

    pub(super) fn with_problem(&self, problem: Problem) -> Self {
        Self { problem: Some(problem), ..self.clone() }
    }

    /// The address.
    pub(super) fn href(&self) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix(String::from("/?"), 2);
        query.append_pair("chat", &self.chat.to_string()).append_pair("as", &self.person);
        let numbers = [("update", self.update), ("reply", self.reply), ("edit", self.edit), ("before", self.before)];
        for (name, number) in numbers {
            if let Some(number) = number {
                query.append_pair(name, &number.to_string());
            }
        }
        if let Some(problem) = self.problem {
            query.append_pair("problem", problem.code());
        }
        query.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_was_written() {
        let problem = Some(Problem::NoButton);
        let view = View { reply: Some(7), update: Some(5), problem, ..View::chat(-10, "Zoë & Bob") };
        assert_eq!(view.href(), "/?chat=-10&as=Zo%C3%AB+%26+Bob&update=5&reply=7&problem=no-button");
        assert_eq!(View::of(&view.href().as_bytes()[2..]), view);
    }

    #[test]
    fn what_makes_no_sense_is_left_out() {
        assert_eq!(View::of(b"chat=x&as=+&update=y&other=1"), View::chat(1, "Ann"));
        assert_eq!(View::of(b"chat=2"), View::chat(2, "Bob"));
        assert_eq!(View::of(b"chat=2&problem=Call+0900"), View::chat(2, "Bob"), "a link cannot choose the text");
        assert_eq!(View::of(b"%ff=%ff&chat=0"), View::chat(1, "Ann"));
        assert_eq!(View::of(b"chat=7").named(&serde_json::json!({"first_name": "Zoe"})), View::chat(7, "Zoe"));
        assert_eq!(View::of(b"chat=-10").named(&Value::Null), View::chat(-10, "Ann"));
    }
}
