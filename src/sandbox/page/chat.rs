//! `GET /`.

use askama::Template;
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::buttons::Action;
use super::chats::{self, ChatRow};
use super::composer::{self, Composer};
use super::json;
use super::messages::{self, By, Marks, Messages};
use super::refusals::{self, Refusal};
use super::switches::{self, Switch};
use super::trail::{self, TrailView};
use super::view::View;
use super::{PageState, markup, style};
use crate::http::pages::{Language, Page, render, wants_json};
use crate::sandbox::bot;
use crate::sandbox::state::State as SandboxState;

#[derive(Template)]
#[template(path = "sandbox/page/chat.html")]
struct ChatPage {
    page: Page,
    language: Language,
    style: String,
    view: View,
    /// Why the last form was refused.
    problem: Option<&'static str>,
    /// What the service says about itself.
    says: Vec<String>,
    chats: Vec<ChatRow>,
    /// The name and the kind of the open chat.
    name: String,
    kind: &'static str,
    exists: bool,
    messages: Messages,
    /// What the bot does now.
    action: Option<String>,
    /// The drafts of the bot: the id, and the text as HTML.
    drafts: Vec<(i64, String)>,
    composer: Composer,
    trail: Option<TrailView>,
    refusals: Vec<Refusal>,
    /// Where Telegram sends updates.
    webhook: String,
    switches: Vec<Switch>,
}

/// Shows a chat, as JSON to a program that asks for it.
pub(super) async fn show(
    State(page): State<PageState>,
    language: Language,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let asked = View::of(query.as_bytes());
    let shared = &page.sandbox.shared;
    let service = shared.service();
    let now = shared.clock.now();
    let state = shared.lock();
    let chat = chats::json(&state, asked.chat);
    let view = asked.named(&chat);
    let exists = chats::exists(&state, view.chat);
    let status = if exists { StatusCode::OK } else { StatusCode::NOT_FOUND };
    if wants_json(&headers) {
        let seen = json::Seen { state: &state, service: &service, view: &view, chat: &chat, now };
        return (status, Json(seen.to_json(&webhook(&state, language), language))).into_response();
    }
    let marks = Marks::of(&state, &view);
    let draft = |draft: &crate::sandbox::state::presence::Draft| {
        let entities = draft.entities.as_ref().and_then(serde_json::Value::as_array);
        markup::html(&draft.text, entities.map(Vec::as_slice).unwrap_or_default())
    };
    let name = chats::name(&chat);
    let template = ChatPage {
        page: Page {
            language,
            title: name.clone(),
            root: String::new(),
            live: Some("/chat/live".to_owned()),
            query: Some(query),
        },
        language,
        style: style::href(),
        says: service.sentences(),
        chats: chats::list(&state, &view, language),
        name,
        kind: chats::kind(&chat, language),
        exists,
        messages: messages::read(&state, &view, &marks, language),
        action: state.presence.action(now, view.chat).map(|action| doing(action, language)),
        drafts: state.presence.drafts(now, view.chat).map(|(id, of)| (id, draft(of))).collect(),
        composer: composer::read(&state, &view),
        trail: trail::read(&state, &service.trail, &view, language),
        refusals: refusals::list(&state, &service),
        webhook: webhook(&state, language),
        switches: switches::list(&state, &service, language),
        problem: view.problem.map(|problem| problem.sentence(language)),
        view,
    };
    drop(state);
    (status, render(&template)).into_response()
}

/// Where Telegram sends updates, and how many wait.
fn webhook(state: &SandboxState, language: Language) -> String {
    let to = match &state.webhook {
        Some(webhook) => format!(
            "{} {}.",
            language.pick("Telegram sends updates to", "Telegram отправляет обновления на"),
            webhook.request.url
        ),
        None => language
            .pick(
                "No webhook is set, so updates wait at Telegram.",
                "Вебхук не задан, поэтому обновления ждут в Telegram.",
            )
            .to_owned(),
    };
    let waiting = state.backlog.len() as u64;
    if waiting == 0 {
        return to;
    }
    let english = ["update is not acknowledged", "updates are not acknowledged"];
    let russian = ["обновление не подтверждено", "обновления не подтверждены", "обновлений не подтверждено"];
    format!("{to} {}.", language.count(waiting, english, russian))
}

/// A chat action in words.
fn doing(action: &str, language: Language) -> String {
    let doing = match action {
        "typing" => language.pick("is typing…", "печатает…"),
        "upload_photo" => language.pick("is sending a photo…", "отправляет фото…"),
        "record_voice" => language.pick("is recording a voice message…", "записывает голосовое сообщение…"),
        "find_location" => language.pick("is choosing a location…", "выбирает геопозицию…"),
        "choose_sticker" => language.pick("is choosing a sticker…", "выбирает стикер…"),
        _ => language.pick("is sending something…", "отправляет что-то…"),
    };
    format!("{} {doing}", bot::NAME)
}
