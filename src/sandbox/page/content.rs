//! What a message contains beside text: pictures, files, places, people, polls.

use serde_json::Value;

use super::files::image_type;
use super::markup::{safe_url, visible};
use crate::http::pages::Language;
use crate::humanize;
use crate::sandbox::methods::rich;
use crate::sandbox::state::State;

/// A part of a message that is not text.
pub(super) struct Part {
    /// What it is, such as `Photo`.
    pub(super) label: String,
    /// The address of the picture that is shown.
    pub(super) image: Option<String>,
    /// The address of the file, and its name and size.
    pub(super) file: Option<(String, String)>,
    /// More about it.
    pub(super) lines: Vec<String>,
    /// A link, and its text.
    pub(super) link: Option<(String, String)>,
    pub(super) poll: Option<Poll>,
}

/// A poll, whose options can be chosen.
pub(super) struct Poll {
    pub(super) question: String,
    pub(super) is_open: bool,
    /// The text of each option and its votes.
    pub(super) options: Vec<(String, u64)>,
    pub(super) voters: String,
}

/// The kinds of file: the field, and its name in both languages.
const FILES: [(&str, &str, &str); 9] = [
    ("photo", "Photo", "Фото"),
    ("animation", "Animation", "Анимация"),
    ("live_photo", "Live photo", "Живое фото"),
    ("video", "Video", "Видео"),
    ("video_note", "Video message", "Видеосообщение"),
    ("voice", "Voice message", "Голосовое сообщение"),
    ("audio", "Audio", "Аудио"),
    ("sticker", "Sticker", "Стикер"),
    ("document", "File", "Файл"),
];

/// The parts of a message with this content.
pub(super) fn parts(state: &State, content: &Value, language: Language) -> Vec<Part> {
    // An animation is also a document, for bots that do not know animations; a live photo has a photo.
    let file = FILES.iter().find(|(field, ..)| {
        content.get(*field).is_some() && !(*field == "photo" && content.get("live_photo").is_some())
    });
    if let Some((field, english, russian)) = file {
        return vec![file_part(state, &content[*field], field, language.pick(english, russian), language)];
    }
    let paid = content["paid_media"]["paid_media"].as_array();
    let paid = paid.into_iter().flatten().flat_map(|item| parts(state, item, language));
    let mut parts: Vec<_> = paid.collect();
    parts.extend(other_part(content, language));
    if parts.is_empty() {
        let kind = content.as_object().and_then(|fields| fields.keys().find(|name| *name != "caption"));
        parts.push(Part::named(&kind.map_or_else(String::new, |kind| kind.replace('_', " "))));
    }
    parts
}

fn file_part(state: &State, shown: &Value, field: &str, label: &str, language: Language) -> Part {
    let largest = shown.as_array().and_then(|sizes| sizes.last()).unwrap_or(shown);
    let stored = largest["file_id"].as_str().and_then(|id| state.files.get(id));
    let href = stored.map(|file| format!("/chat/files/{}", file.path));
    let is_image = stored.is_some_and(|file| image_type(&file.content).is_some());
    let is_shown = is_image && matches!(field, "photo" | "sticker" | "animation");
    let mut part = Part::named(label);
    if let Some(seconds) = largest["duration"].as_u64() {
        part.lines.push(format!("{}:{:02}", seconds / 60, seconds % 60));
    }
    part.lines.extend(["performer", "title", "emoji"].into_iter().filter_map(|name| text(largest, name)));
    if let (Some(file), Some(href)) = (stored, href) {
        let usual = || file.path.rsplit('/').next().unwrap_or_default().to_owned();
        let name = text(largest, "file_name").unwrap_or_else(usual);
        let bytes = language.count(file.content.len() as u64, ["byte", "bytes"], ["байт", "байта", "байт"]);
        part.image = is_shown.then(|| href.clone());
        part.file = (!is_shown).then(|| (href, format!("{name}, {bytes}")));
    } else {
        part.lines.push(language.pick("no longer kept", "больше не хранится").to_owned());
    }
    part
}

/// What is neither text nor a file.
fn other_part(content: &Value, language: Language) -> Option<Part> {
    let (kind, shown) =
        ["venue", "location", "contact", "poll", "dice", "game", "invoice", "checklist", "rich_message"]
            .into_iter()
            .find_map(|kind| Some((kind, content.get(kind)?)))
            .or_else(|| service(content))?;
    let mut part = Part::named(label(kind, language));
    match kind {
        "venue" | "location" => {
            let place = if kind == "venue" { &shown["location"] } else { shown };
            part.lines.extend(["title", "address"].into_iter().filter_map(|name| text(shown, name)));
            let (latitude, longitude) = (place["latitude"].as_f64()?, place["longitude"].as_f64()?);
            let map = format!("https://www.openstreetmap.org/?mlat={latitude}&mlon={longitude}&zoom=15");
            part.link = Some((map, format!("{latitude}, {longitude}")));
        }
        "contact" => {
            let names = ["first_name", "last_name", "phone_number"];
            part.lines.extend(names.into_iter().filter_map(|name| text(shown, name)));
        }
        "poll" => part.poll = Some(poll(shown, language)),
        "dice" => part.lines.push(format!("{} {}", text(shown, "emoji").unwrap_or_default(), shown["value"])),
        "invoice" => {
            part.lines.extend(["title", "description"].into_iter().filter_map(|name| text(shown, name)));
            part.lines.push(format!("{} {}", shown["total_amount"], text(shown, "currency").unwrap_or_default()));
        }
        "rich_message" => part.lines.extend(rich::lines(&shown["blocks"]).iter().map(|line| clean(line))),
        "checklist" => {
            part.lines.extend(text(shown, "title"));
            let tasks = shown["tasks"].as_array().into_iter().flatten();
            part.lines.extend(tasks.filter_map(|task| Some(format!("☐ {}", text(task, "text")?))));
        }
        "new_chat_members" => {
            let members = shown.as_array().into_iter().flatten();
            part.lines.extend(members.filter_map(|member| text(member, "first_name")));
        }
        _ => part.lines.extend(["title", "first_name"].into_iter().filter_map(|name| text(shown, name))),
    }
    Some(part)
}

fn service(content: &Value) -> Option<(&'static str, &Value)> {
    ["new_chat_members", "left_chat_member"].into_iter().find_map(|kind| Some((kind, content.get(kind)?)))
}

fn label(kind: &str, language: Language) -> &'static str {
    match kind {
        "venue" => language.pick("Place", "Место"),
        "location" => language.pick("Location", "Геопозиция"),
        "contact" => language.pick("Contact", "Контакт"),
        "poll" => language.pick("Poll", "Опрос"),
        "dice" => language.pick("Dice", "Кубик"),
        "game" => language.pick("Game", "Игра"),
        "invoice" => language.pick("Invoice", "Счёт"),
        "checklist" => language.pick("Checklist", "Список задач"),
        "new_chat_members" => language.pick("Joined", "Вступил в группу"),
        "left_chat_member" => language.pick("Left", "Покинул группу"),
        _ => language.pick("Rich message", "Сообщение с оформлением"),
    }
}

fn poll(shown: &Value, language: Language) -> Poll {
    let option =
        |option: &Value| (text(option, "text").unwrap_or_default(), option["voter_count"].as_u64().unwrap_or(0));
    let voters = shown["total_voter_count"].as_u64().unwrap_or(0);
    Poll {
        question: text(shown, "question").unwrap_or_default(),
        is_open: shown["is_closed"] != true,
        options: shown["options"].as_array().into_iter().flatten().map(option).collect(),
        voters: language.count(voters, ["vote", "votes"], ["голос", "голоса", "голосов"]),
    }
}

fn text(of: &Value, name: &str) -> Option<String> {
    of[name].as_str().filter(|text| !text.is_empty()).map(clean)
}

fn clean(text: &str) -> String {
    humanize::shortened(text, 400).chars().map(visible).collect()
}

impl Part {
    fn named(label: &str) -> Self {
        Self { label: label.to_owned(), image: None, file: None, lines: Vec::new(), link: None, poll: None }
    }
}

/// The address of a button that opens a page; none if it may not be followed.
pub(super) fn button_url(button: &Value) -> Option<String> {
    button["url"].as_str().and_then(safe_url)
}
