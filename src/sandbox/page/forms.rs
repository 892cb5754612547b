//! The forms. Each answers with a redirect to the page, on which a refusal is shown.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use super::PageState;
use super::problem::Problem;
use super::view::View;
use crate::sandbox::actions;
use crate::telegram::{Params, UploadedFile};

/// The longest text of a message, in UTF-16 units.
const MAX_TEXT: usize = 4_096;
/// The longest text beside a file.
const MAX_CAPTION: usize = 1_024;

/// A form that was sent, and the page that it was sent from.
pub(super) struct Form {
    params: Params,
    pub(super) view: View,
}

impl Form {
    pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut params = Params::default();
        params.read(content_type, body);
        let view = View::of(params.text("view").unwrap_or_default().trim_start_matches("/?").as_bytes());
        Self { params, view }
    }

    pub(super) fn text(&self, name: &str) -> String {
        // A browser sends line breaks as CR LF.
        self.params.text(name).unwrap_or_default().replace("\r\n", "\n")
    }

    /// Back to the page, with nothing selected.
    fn done(&self) -> Response {
        Redirect::to(&self.view.plain().href()).into_response()
    }

    /// Back to the page as it was.
    pub(super) fn unchanged(&self) -> Response {
        Redirect::to(&View { problem: None, ..self.view.clone() }.href()).into_response()
    }

    /// Back to the page, which says why.
    pub(super) fn refused(&self, problem: Problem) -> Response {
        Redirect::to(&self.view.with_problem(problem).href()).into_response()
    }

    /// Does what a person does. `otherwise` is why this is not possible, if it is not.
    fn act(&self, page: &PageState, name: &str, values: Value, files: &Params, otherwise: Problem) -> Response {
        let Value::Object(mut values) = values else { return self.done() };
        values.insert("chat".to_owned(), json!(self.view.chat));
        values.insert("from".to_owned(), json!(self.view.person));
        let params = files.with_values(values);
        match page.sandbox.shared.change(|state, now| actions::act(state, now, name, params)) {
            Ok(_) => self.done(),
            Err(_) => self.refused(otherwise),
        }
    }
}

/// `POST /chat/send`: a text, a file, a shared contact or location, or a button that says its text.
pub(super) async fn send(State(page): State<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    let (chat, person) = (form.view.chat, form.view.person.as_str());
    if !super::composer::read(&page.sandbox.shared.lock(), &form.view).may_write {
        return form.refused(Problem::MayNotWrite);
    }
    match form.params.text("share").as_deref() {
        Some("contact") => {
            let contact = json!({"phone_number": "+15550100", "first_name": person});
            return form.act(&page, "contact", contact, &Params::default(), Problem::NotSent);
        }
        Some(_) => {
            let place = json!({"latitude": 52.52, "longitude": 13.405});
            return form.act(&page, "location", place, &Params::default(), Problem::NotSent);
        }
        None => {}
    }
    let pressed = form.text("press");
    let text = if pressed.is_empty() { form.text("text") } else { pressed };
    let text = text.trim();
    let length = text.encode_utf16().count();
    if length > MAX_TEXT {
        return form.refused(Problem::TooLong);
    }
    let file = form.params.file("file").filter(|file| !file.content.is_empty());
    if let Some(file) = file {
        if length > MAX_CAPTION {
            return form.refused(Problem::CaptionTooLong);
        }
        let kind = if super::files::image_type(&file.content).is_some() { "photo" } else { "document" };
        let mut files = Params::default();
        files.add_file(UploadedFile { field: kind.to_owned(), ..file.clone() });
        let caption = Map::from_iter([("caption".to_owned(), json!(text)), (kind.to_owned(), json!("(a file)"))]);
        return form.act(&page, kind, Value::Object(caption), &files, Problem::NotSent);
    }
    if text.is_empty() {
        return form.refused(Problem::Empty);
    }
    match form.view.edit {
        Some(id) if !page.sandbox.edit_text(chat, id, text) => form.refused(Problem::NotEditable),
        Some(_) => form.done(),
        None => {
            page.sandbox.send_reply(chat, person, text, form.view.reply);
            form.done()
        }
    }
}

/// `POST /chat/vote`: an option of a poll.
pub(super) async fn vote(State(page): State<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    let number = |name| form.params.integer(name).unwrap_or(-1);
    let values = json!({"message_id": number("message"), "option_ids": [number("option")]});
    form.act(&page, "poll-answer", values, &Params::default(), Problem::NoVote)
}

/// `POST /chat/stop`: stops a draft of the bot.
pub(super) async fn stop(State(page): State<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    let draft = form.params.integer("draft").unwrap_or_default();
    form.act(&page, "stop-draft", json!({"draft_id": draft}), &Params::default(), Problem::NoDraft)
}

/// `POST /chat/join`: a person who left the group, or was banned and is not any more, comes back.
pub(super) async fn join(State(page): State<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    form.act(&page, "join", json!({}), &Params::default(), Problem::CannotJoin)
}

/// `POST /chat/press`: a button of a message.
pub(super) async fn press(State(page): State<PageState>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&headers, &body);
    let data = form.params.text("data").unwrap_or_default();
    let message_id = form.params.integer("message").unwrap_or_default();
    let has_button = page.sandbox.messages(Some(form.view.chat)).iter().any(|message| {
        let rows = message.buttons.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
        let mut buttons = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
        message.message_id == message_id && buttons.any(|button| button["callback_data"] == *data)
    });
    if !has_button {
        return form.refused(Problem::NoButton);
    }
    page.sandbox.press_button(form.view.chat, &form.view.person, message_id, &data);
    form.done()
}
