mod any_text;
mod templates;

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Commands, TemplateProblem};
use crate::handler::HandlerError;
use crate::settings::{ButtonSettings, CommandSettings, ReplySettings};
use crate::telegram::{Call, Identity, Me};
use crate::update::Update;

fn reply(template: &str, parse_mode: Option<&str>) -> ReplySettings {
    ReplySettings { reply: template.into(), parse_mode: parse_mode.map(str::to_owned), buttons: Vec::new() }
}

fn command(name: &str, description: Option<&str>, template: &str) -> CommandSettings {
    CommandSettings { name: name.into(), description: description.map(str::to_owned), reply: reply(template, None) }
}

fn known(username: &str) -> Identity {
    Me { id: 1, username: username.into(), first_name: String::new() }.into()
}

/// A service with `/start`, which answers with its arguments, and a fallback.
fn service(identity: Identity) -> Commands {
    let fallback = reply("fallback [{{ args }}]", None);
    Commands::new(&[command("start", None, "start [{{ args }}]")], &[], Some(&fallback), identity).unwrap()
}

fn with_markup(template: &str, parse_mode: &str) -> Commands {
    Commands::new(&[], &[], Some(&reply(template, Some(parse_mode))), known("my_bot")).unwrap()
}

fn message(chat: &str, text: &str) -> Value {
    json!({
        "from": { "id": 7, "first_name": "Ada", "username": "ada", "language_code": "en" },
        "chat": { "id": 5, "type": chat, "title": "Engines" },
        "date": 1, "message_id": 1, "text": text,
    })
}

fn handled(commands: &Commands, update: &Value) -> Result<Vec<Call>, HandlerError> {
    let update = Update::parse(Bytes::from(update.to_string()), Timestamp::UNIX_EPOCH).unwrap();
    commands.answer(&update)
}

fn call(commands: &Commands, message: &Value) -> Option<Call> {
    let mut calls = handled(commands, &json!({ "update_id": 1, "message": message })).unwrap();
    assert!(calls.len() <= 1);
    calls.pop()
}

fn text(commands: &Commands, message: &Value) -> Option<String> {
    Some(call(commands, message)?.params["text"].as_str().unwrap().to_owned())
}

fn problems(template: &str) -> Vec<TemplateProblem> {
    Commands::new(&[command("start", None, template)], &[], None, Identity::default()).err().unwrap_or_default()
}

#[test]
fn a_command_is_answered_where_it_is_meant_for_this_bot() {
    let commands = service(known("My_Bot"));
    for (chat, written, answer) in [
        ("private", "/start", Some("start []")),
        ("private", "/Start payload", Some("start [payload]")),
        ("private", "/start\npayload  x ", Some("start [payload  x]")),
        ("private", "/start@my_bot", Some("start []")),
        ("private", "/start@other", Some("fallback [/start@other]")),
        ("private", "/unknown x", Some("fallback [/unknown x]")),
        ("private", " hello ", Some("fallback [hello]")),
        ("supergroup", "/start a", Some("start [a]")),
        ("group", "/start@MY_BOT a", Some("start [a]")),
        ("group", "/start@other a", None),
        ("group", "/unknown", None),
        ("group", "say /start", None),
        ("group", "hello", None),
        ("", "hello", None),
    ] {
        assert_eq!(text(&commands, &message(chat, written)).as_deref(), answer, "{written:?} in {chat:?}");
    }
}

#[test]
fn until_the_bots_name_is_known_a_command_that_names_a_bot_is_answered_in_private_only() {
    for identity in [Identity::default(), known("")] {
        let commands = service(identity);
        assert_eq!(text(&commands, &message("private", "/start@any x")).unwrap(), "start [x]");
        assert_eq!(text(&commands, &message("group", "/start@any x")), None);
        assert_eq!(text(&commands, &message("group", "/start x")).unwrap(), "start [x]");
    }
}

#[test]
fn a_body_of_unknown_shape_gets_no_answer() {
    let commands = service(known("my_bot"));
    let start = message("private", "/start");
    for update in [
        json!({ "update_id": 1, "edited_message": start }),
        json!({ "update_id": 1, "channel_post": start }),
        json!({ "update_id": 1, "business_message": start }),
        json!({ "update_id": 1, "message": { "chat": 5, "text": "/start" } }),
        json!({ "update_id": 1, "message": "/start" }),
        json!({ "update_id": 1 }),
    ] {
        assert_eq!(handled(&commands, &update).unwrap(), [], "{update}");
    }
}

#[test]
fn a_command_in_a_caption_is_answered_as_one_in_a_text() {
    let commands = service(known("my_bot"));
    let entities = json!([{ "type": "bot_command", "offset": 0, "length": 6 }]);
    let photo = json!({ "chat": { "id": 5, "type": "group" }, "photo": [], "caption": "/start, a", "caption_entities": entities });
    assert_eq!(text(&commands, &photo).unwrap(), "start [, a]");
}

#[test]
fn the_fallback_answers_every_private_message_and_no_service_message() {
    let commands = service(known("my_bot"));
    let in_chat = |kind: &str, name: &str, value: Value| {
        let mut message = json!({ "message_id": 1, "date": 1, "chat": { "id": 5, "type": kind }, "from": { "id": 5 } });
        message[name] = value;
        message
    };
    for written in
        ["sticker", "photo", "voice", "location", "contact", "video_note", "document", "dice", "poll", "story"]
    {
        assert_eq!(
            text(&commands, &in_chat("private", written, json!({}))).as_deref(),
            Some("fallback []"),
            "{written}"
        );
        assert_eq!(text(&commands, &in_chat("group", written, json!({}))), None, "{written} in a group");
    }
    let captioned = in_chat("private", "caption", json!("look"));
    assert_eq!(text(&commands, &captioned).as_deref(), Some("fallback [look]"));
    for news in ["pinned_message", "successful_payment", "users_shared", "write_access_allowed", "web_app_data", "gift"]
    {
        assert_eq!(text(&commands, &in_chat("private", news, json!({}))), None, "{news}");
    }
}

fn press(data: &str, more: &Value) -> Value {
    let mut query = json!({
        "id": "77", "from": { "id": 7, "first_name": "Ada" }, "chat_instance": "1", "data": data,
        "message": { "message_id": 3, "date": 1, "chat": { "id": -5, "type": "supergroup", "title": "Engines" },
            "from": { "id": 1, "is_bot": true, "first_name": "Bot" }, "text": "Sure?" },
    });
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "update_id": 1, "callback_query": query })
}

#[test]
fn a_press_is_acknowledged_and_a_declared_one_answered_where_the_button_is() {
    let yes =
        ButtonSettings { data: "yes".to_owned(), reply: reply("{{ user.first_name }} in {{ chat.title }}", None) };
    let commands = Commands::new(&[], &[yes], None, known("my_bot")).unwrap();
    let acknowledged = Call::new("answerCallbackQuery").with("callback_query_id", "77");
    let calls = |data, more| handled(&commands, &press(data, &more)).unwrap();
    let of_button = acknowledged.clone().with_origin("button yes");
    let replied = Call::send_message(-5, "Ada in Engines").with_origin("button yes");
    assert_eq!(calls("yes", json!({})), [of_button.clone(), replied.clone()]);
    for data in ["no", "YES", "/yes", ""] {
        assert_eq!(calls(data, json!({})), std::slice::from_ref(&acknowledged), "{data}");
    }
    let message = |more: Value| {
        let mut message = press("yes", &json!({}))["callback_query"]["message"].take();
        message.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "message": message })
    };
    let in_topic = message(json!({ "message_thread_id": 9, "is_topic_message": true }));
    assert_eq!(calls("yes", in_topic)[1], replied.clone().with("message_thread_id", 9));
    // A message that the bot can no longer see has its chat, but not its topic.
    let gone = message(json!({ "date": 0 }));
    assert_eq!(calls("yes", gone), [of_button.clone(), replied]);
    let gone_from_forum =
        json!({ "message": { "date": 0, "chat": { "id": -5, "type": "supergroup", "is_forum": true } } });
    assert_eq!(calls("yes", gone_from_forum), std::slice::from_ref(&of_button));
    let inline = json!({ "message": null, "inline_message_id": "x" });
    assert_eq!(calls("yes", inline), [of_button]);
}

#[test]
fn a_press_is_acknowledged_also_where_its_reply_cannot_be_rendered() {
    let failing = "{{ 6 // (user.first_name | length - 3) }}";
    let yes = ButtonSettings { data: "yes".to_owned(), reply: reply(failing, None) };
    let commands = Commands::new(&[], &[yes], None, known("my_bot")).unwrap();
    assert_eq!(handled(&commands, &press("yes", &json!({}))).unwrap().len(), 1);
    let nothing_declared = Commands::new(&[], &[], None, known("my_bot")).unwrap();
    assert_eq!(handled(&nothing_declared, &press("yes", &json!({}))).unwrap().len(), 1);
}

#[test]
fn a_reply_in_a_channels_direct_messages_names_their_topic() {
    let commands = service(known("my_bot"));
    let update = json!({ "chat": { "id": -100, "type": "supergroup", "is_direct_messages": true }, "text": "/start",
        "direct_messages_topic": { "topic_id": 4_294_967_297_i64 } });
    assert_eq!(call(&commands, &update).unwrap().params["direct_messages_topic_id"], 4_294_967_297_i64);
}

#[test]
fn a_renamed_bot_answers_to_its_new_name() {
    let identity = known("old_bot");
    let commands = service(identity.clone());
    assert_eq!(text(&commands, &message("group", "/start@new_bot")), None);
    identity.set(Me { id: 1, username: "new_bot".to_owned(), first_name: String::new() });
    assert_eq!(text(&commands, &message("group", "/start@new_bot")).unwrap(), "start []");
    assert_eq!(text(&commands, &message("group", "/start@old_bot")), None);
}

#[test]
fn a_message_without_a_sender_is_answered_with_empty_values() {
    let commands =
        Commands::new(&[command("start", None, "[{{ user.first_name }}{{ user.id }}]")], &[], None, known("b"));
    let without_sender = json!({ "chat": { "id": 5, "type": "supergroup" }, "text": "/start" });
    assert_eq!(text(&commands.unwrap(), &without_sender).unwrap(), "[]");
}

#[test]
fn the_fallback_does_not_talk_to_bots() {
    let commands = service(known("my_bot"));
    let mut update = message("private", "hello");
    update["from"]["is_bot"] = json!(true);
    assert_eq!(text(&commands, &update), None);
    update["text"] = json!("/start");
    assert_eq!(text(&commands, &update).unwrap(), "start []");
}

#[test]
fn an_endless_template_is_found_at_the_start_or_its_update_is_rejected() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}";
    for template in [nested, "{{ 'x' * 90000000 }}"] {
        let [problem] = &problems(template)[..] else { panic!("{template}") };
        assert!(problem.found.contains("fuel"), "{problem}");
    }
    let square = command("start", None, "{% for a in args %}{% for b in args %}{{ b }}{% endfor %}{% endfor %}");
    let commands = Commands::new(&[square], &[], None, Identity::default()).unwrap();
    let update =
        |length| json!({ "update_id": 1, "message": message("private", &format!("/start {}", "y".repeat(length))) });
    assert_eq!(handled(&commands, &update(50)).unwrap().len(), 1);
    let Err(HandlerError::Reject(reason)) = handled(&commands, &update(4000)) else { panic!("it was rendered") };
    assert!(reason.contains("fuel") && !reason.contains("yy"), "{reason}");
}

#[test]
fn a_template_can_name_everything_the_settings_promise() {
    let template = "{{ user.first_name }}|{{ user.last_name }}|{{ user.username }}|{{ user.id }}|{{ user.language_code }}\
        |{{ chat.id }}|{{ chat.type }}|{{ chat.title }}|{{ args }}|{{ bot.username }}|{{ commands }}";
    let declared = [command("start", Some("Start the bot"), template), command("hidden", None, "x")];
    let commands = Commands::new(&declared, &[], None, known("my_bot")).unwrap();
    assert_eq!(
        text(&commands, &message("group", "/start a b")).unwrap(),
        "Ada||ada|7|en|5|group|Engines|a b|my_bot|/start - Start the bot"
    );
}

#[test]
fn a_reply_goes_to_the_topic_it_was_asked_in_with_its_buttons() {
    let row =
        vec![BTreeMap::from([("text".to_owned(), "Site".to_owned()), ("url".to_owned(), "https://e.org".to_owned())])];
    let fallback = ReplySettings { buttons: vec![row], ..reply("<b>hi</b>", Some("html")) };
    let commands = Commands::new(&[], &[], Some(&fallback), Identity::default()).unwrap();
    let mut update = message("private", "x");
    update["message_thread_id"] = json!(9);
    let expected = json!({
        "chat_id": 5, "text": "<b>hi</b>", "parse_mode": "HTML",
        "reply_markup": { "inline_keyboard": [[{ "text": "Site", "url": "https://e.org" }]] },
    });
    let plain = call(&commands, &update).unwrap();
    assert_eq!((plain.method.as_str(), Value::from(plain.params)), ("sendMessage", expected));
    update["is_topic_message"] = json!(true);
    assert_eq!(call(&commands, &update).unwrap().params["message_thread_id"], 9);
}

#[test]
fn what_a_person_wrote_is_escaped_and_the_template_is_not() {
    for (parse_mode, template, answer) in [
        ("HTML", "<b>{{ args }}</b>", "<b>&lt;i&gt; &amp; _x_</b>"),
        ("HTML", "{% autoescape false %}{{ args }}{% endautoescape %}", "&lt;i&gt; &amp; _x_"),
        ("HTML", "{% set x %}<u>{{ args }}</u>{% endset %}{{ x }}", "<u>&lt;i&gt; &amp; _x_</u>"),
        ("HTML", "{{ args | upper }}{{ args | e }}", "&lt;I&gt; &amp; _X_&lt;i&gt; &amp; _x_"),
        ("MarkdownV2", "*{{ args | e }}* {{ chat.id * -1 }}", r"*\<i\> \& \_x\_* \-5"),
        ("Markdown", "*x* {{ args }}", r"*x* <i> & \_x\_"),
    ] {
        let written = message("private", "<i> & _x_");
        assert_eq!(text(&with_markup(template, parse_mode), &written).unwrap(), answer, "{template}");
    }
}

#[test]
fn a_reply_that_shows_nothing_is_not_sent() {
    let commands = Commands::new(&[command("start", None, " {{ args }}\n")], &[], None, known("b")).unwrap();
    assert_eq!(call(&commands, &message("private", "/start")), None);
    let bold = Commands::new(
        &[CommandSettings { reply: reply("<b>{{ args }}</b>", Some("HTML")), ..command("start", None, "") }],
        &[],
        None,
        known("b"),
    );
    assert_eq!(call(&bold.unwrap(), &message("private", "/start")), None);
}

#[test]
fn where_nothing_is_declared_start_and_help_are_answered_and_nothing_is_announced() {
    let commands = Commands::new(&[], &[], None, Identity::default()).unwrap();
    let start = text(&commands, &message("private", "/start")).unwrap();
    assert!(start.starts_with("Hello, Ada.") && start.contains("[[command]]"), "{start}");
    assert!(text(&commands, &message("private", "/help")).unwrap().contains("/start - Say hello"));
    assert_eq!(text(&commands, &message("private", "hello")), None);
    assert_eq!(commands.announcement(), None);
}

#[test]
fn the_described_commands_are_announced() {
    let declared = [command("Start", Some("Start the bot"), "x"), command("hidden", None, "x")];
    let announced = Commands::new(&declared, &[], None, Identity::default()).unwrap().announcement().unwrap();
    assert_eq!(announced.method, "setMyCommands");
    assert_eq!(
        Value::from(announced.params),
        json!({ "commands": [{ "command": "start", "description": "Start the bot" }] })
    );
    assert_eq!(Commands::new(&declared[1..], &[], None, Identity::default()).unwrap().announcement(), None);
}

#[test]
fn a_long_text_is_cut_to_one_message_and_its_markup_stays_whole() {
    let plain = Commands::new(&[], &[], Some(&reply("{{ args }}{{ args }}", None)), known("b")).unwrap();
    let answer = text(&plain, &message("private", &"ä".repeat(4096))).unwrap();
    assert_eq!((answer.chars().count(), answer.chars().last()), (4096, Some('…')));

    let bold = with_markup("<b>{{ args }}</b><i>{{ args }}</i>", "HTML");
    let answer = text(&bold, &message("private", &"<".repeat(4096))).unwrap();
    let shown = answer.strip_prefix("<b>").unwrap().strip_suffix("…</b><i></i>").unwrap().replace("&lt;", "<");
    assert!(shown.len() > 4000 && shown.len() < 4096 && shown.bytes().all(|byte| byte == b'<'), "{}", shown.len());
}
