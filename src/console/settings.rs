//! The settings in force with their origins, as `doorbell settings` shows them. Secrets are only described.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;

use super::frame::{Frame, Tab};
use super::state::Console;
use super::visit::Visit;
use crate::http::pages::Page;
use crate::humanize::shortened;
use crate::settings::{Entry, Shown, origin};

/// This many characters of a value are shown; JSON has all.
const SHOWN: usize = 200;

/// A setting, as `doorbell settings --json` prints it.
#[derive(Debug, Serialize)]
struct Setting<'a> {
    key: &'a str,
    set: bool,
    value: Option<&'a Value>,
    secret: Option<&'a str>,
    source: &'a str,
    #[serde(skip)]
    text: String,
    #[serde(skip)]
    is_default: bool,
}

#[derive(Template)]
#[template(path = "console/settings.html")]
struct SettingsPage<'a> {
    page: Page,
    frame: Frame,
    settings: &'a [Setting<'a>],
}

/// `GET /console/settings`
pub(super) async fn show(State(console): State<Arc<Console>>, visit: Visit) -> Response {
    let settings: Vec<_> = console.settings.iter().map(setting).collect();
    visit.respond(&settings, || SettingsPage {
        page: visit.page(Tab::Settings.name(visit.language)),
        frame: visit.frame(Tab::Settings),
        settings: &settings,
    })
}

fn setting(entry: &Entry) -> Setting<'_> {
    let (value, secret) = match &entry.value {
        Shown::NotSet => (None, None),
        Shown::Secret(described) => (None, Some(&**described)),
        Shown::Value(value) => (Some(value), None),
    };
    let text = shortened(&entry.value.to_string(), SHOWN).replace(char::is_control, " ");
    Setting {
        key: &entry.key,
        set: entry.value != Shown::NotSet,
        value,
        secret,
        source: &entry.source,
        text,
        is_default: entry.source == origin::DEFAULT,
    }
}
