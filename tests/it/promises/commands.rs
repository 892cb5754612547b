use std::sync::LazyLock;

use bytes::Bytes;
use doorbell::handler::{Commands, HandlerError};
use doorbell::settings::{ButtonSettings, CommandSettings, ReplySettings};
use doorbell::telegram::{Call, Identity};
use doorbell::update::Update;
use jiff::Timestamp;

/// Commands whose templates contain exactly the markup that is counted here.
static PLAIN: LazyLock<Commands> = LazyLock::new(|| {
    let html = command("html", "<b>{{ user.first_name }}</b>{{ args }}", Some("HTML"));
    let button = ButtonSettings { data: "yes".to_owned(), reply: reply("{{ user.first_name }}{{ chat.title }}", None) };
    let fallback = reply("{{ user.first_name }}{{ chat.title }}{{ args }}", None);
    Commands::new(&[html], &[button], Some(&fallback), Identity::default()).expect("they are right")
});

fn reply(template: &str, parse_mode: Option<&str>) -> ReplySettings {
    let parse_mode = parse_mode.map(ToOwned::to_owned);
    ReplySettings { reply: template.to_owned(), parse_mode, buttons: Vec::new() }
}

fn command(name: &str, template: &str, parse_mode: Option<&str>) -> CommandSettings {
    CommandSettings { name: name.to_owned(), description: None, reply: reply(template, parse_mode) }
}

/// For any template and any update there is at most one reply, after the answer to a button press. It goes to the
/// chat of the message and can be sent. The text of a user never becomes markup, and no error contains it.
///
/// The parts of the input are a template, a parse mode and the body of an update.
pub fn commands(input: &[u8]) {
    let [template, parse_mode, body] = super::parts(input);
    let [template, parse_mode] = [template, parse_mode].map(String::from_utf8_lossy);
    let Ok(update) = Update::parse(Bytes::copy_from_slice(body), Timestamp::UNIX_EPOCH) else { return };
    for call in answer(&PLAIN, &update) {
        let text = call.params["text"].as_str().expect("a text");
        if call.params.contains_key("parse_mode") {
            let markup: Vec<_> = text.matches(['<', '>', '"', '\'']).collect();
            assert_eq!(markup, ["<", ">", "<", ">"], "{text}");
        }
    }
    let declared = command("start", &template, Some(&*parse_mode).filter(|mode| !mode.is_empty()));
    match Commands::new(&[declared], &[], None, Identity::default()) {
        Ok(commands) => drop(answer(&commands, &update)),
        Err(problems) => {
            assert!(!problems.is_empty());
            assert!(problems.iter().all(|problem| !problem.found.is_empty() && !problem.wanted.is_empty()));
        }
    }
}

fn answer(commands: &Commands, update: &Update) -> Vec<Call> {
    let is_press = update.kind.name() == "callback_query";
    let message = super::json(&update.body).and_then(|mut update| {
        let of_press = if is_press { update.get_mut("callback_query")? } else { &mut update };
        Some(of_press.get_mut("message")?.take())
    });
    let mut calls = match commands.answer(update) {
        Ok(calls) => calls,
        Err(HandlerError::Reject(reason)) => {
            let text = message.as_ref().and_then(|message| message["text"].as_str()).unwrap_or_default();
            assert!(!text.starts_with('/') || !reason.contains(text), "{reason}");
            return Vec::new();
        }
        Err(other) => panic!("{other}"),
    };
    if is_press && !calls.is_empty() {
        assert_eq!(calls.remove(0).method, "answerCallbackQuery");
    }
    assert!(calls.len() <= 1, "{calls:?}");
    for call in &calls {
        let text = call.params["text"].as_str().expect("a text");
        assert_eq!(call.method, "sendMessage");
        if !call.params.contains_key("parse_mode") {
            assert!(!text.trim().is_empty() && text.encode_utf16().count() <= 4096, "{text:?}");
        }
        if let Some(message) = message.as_ref().filter(|message| message.is_object()) {
            assert_eq!(call.chat_id(), message["chat"]["id"].as_i64(), "{message}");
        }
    }
    calls
}
