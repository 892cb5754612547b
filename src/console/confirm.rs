use askama::Template;

use super::frame::Frame;
use crate::http::pages::Page;

/// A page that says what an action does, and to how many updates, before it is carried out.
#[derive(Template)]
#[template(path = "console/confirm.html")]
pub(super) struct Confirm {
    pub(super) page: Page,
    pub(super) frame: Frame,
    pub(super) sentences: Vec<String>,
    /// Where the form goes.
    pub(super) action: String,
    pub(super) fields: Vec<(&'static str, String)>,
    pub(super) button: String,
    /// The class of the button: empty, or `bad` for what cannot be undone.
    pub(super) class: &'static str,
    /// The page to return to.
    pub(super) back: String,
}
